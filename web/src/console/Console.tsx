/** The operators' console: its frame, its navigation and its pages. */

import AppLayout from "@cloudscape-design/components/app-layout";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ErrorBoundary from "@cloudscape-design/components/error-boundary";
import Flashbar from "@cloudscape-design/components/flashbar";
import { I18nProvider } from "@cloudscape-design/components/i18n";
import messages from "@cloudscape-design/components/i18n/messages/all.en";
import SideNavigation from "@cloudscape-design/components/side-navigation";
import Spinner from "@cloudscape-design/components/spinner";
import TopNavigation from "@cloudscape-design/components/top-navigation";
import { applyMode, Mode } from "@cloudscape-design/global-styles";
import { type ComponentType, lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Redirect, Route, Router, Switch, useLocation } from "wouter";
import { useLiveState, useOnline, usePage, usePerson } from "../shared/page";
import { Events } from "./live/events";
import { usePolling } from "./shared/live";

/** The console's pages, in the order of the navigation. Each is loaded when it is first shown. */
const PAGES: readonly { readonly path: string; readonly title: string; readonly load: ComponentType }[] = [
  { path: "/live", title: "Live", load: lazy(() => import("./pages/Live")) },
  { path: "/orders", title: "Orders", load: lazy(() => import("./pages/Orders")) },
  { path: "/failures", title: "Failures", load: lazy(() => import("./pages/Failures")) },
  { path: "/sales", title: "Sales", load: lazy(() => import("./pages/Sales")) },
  { path: "/products", title: "Products and stock", load: lazy(() => import("./pages/Products")) },
  { path: "/customers", title: "Customers", load: lazy(() => import("./pages/Customers")) },
  { path: "/services", title: "Services", load: lazy(() => import("./pages/Services")) },
  { path: "/contracts", title: "Contracts", load: lazy(() => import("./pages/Contracts")) },
];

const Order = lazy(() => import("./pages/Order"));
const Runbook = lazy(() => import("./pages/Runbook"));

/** A window in which the navigation is beside the page, and does not cover it. */
const WIDE = "(min-width: 689px)";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");

export function Console(): ReactNode {
  useEffect(() => {
    const apply = () => {
      applyMode(DARK.matches ? Mode.Dark : Mode.Light);
    };
    apply();
    DARK.addEventListener("change", apply);
    return () => {
      DARK.removeEventListener("change", apply);
    };
  }, []);
  return (
    <I18nProvider locale="en" messages={[messages]}>
      <Router base="/console">
        <Header />
        {usePerson() === null ? <SignedOut /> : <Pages />}
      </Router>
    </I18nProvider>
  );
}

function Header(): ReactNode {
  const { config, session } = usePage();
  const person = usePerson();
  return (
    <TopNavigation
      identity={{ href: "/console/", title: `${config.title} console` }}
      utilities={
        person === null
          ? []
          : [
              { type: "button", text: `Stage ${config.stage}`, disableUtilityCollapse: true },
              {
                type: "menu-dropdown",
                text: person.email,
                items: [{ id: "sign-out", text: "Sign out" }],
                onItemClick: () => void session.signOut(),
              },
            ]
      }
    />
  );
}

function SignedOut(): ReactNode {
  const { session } = usePage();
  const [path] = useLocation();
  return (
    <AppLayout
      navigationHide
      toolsHide
      content={
        <Box padding="xxxl" textAlign="center">
          <Box variant="h1" padding={{ bottom: "l" }}>
            Sign in to see the shop at work
          </Box>
          <Button variant="primary" onClick={() => void session.signIn(`/console${path}`)}>
            Sign in
          </Button>
        </Box>
      }
    />
  );
}

/** Keeps the latest events, whatever page is shown. */
function Pages(): ReactNode {
  return (
    <Events>
      <Frame />
      <Polling />
    </Events>
  );
}

function Frame(): ReactNode {
  const [path, navigate] = useLocation();
  // Cloudscape would close it while a page is being loaded.
  const [open, setOpen] = useState(() => window.matchMedia(WIDE).matches);
  return (
    <AppLayout
      toolsHide
      navigationOpen={open}
      onNavigationChange={({ detail }) => {
        setOpen(detail.open);
      }}
      notifications={<Connection />}
      navigation={
        <SideNavigation
          activeHref={`/console/${path.split("/")[1] ?? ""}`}
          header={{ href: "/console/", text: "Console" }}
          items={PAGES.map(({ path: href, title }) => ({ type: "link", text: title, href: `/console${href}` }))}
          onFollow={(event) => {
            event.preventDefault();
            if (!window.matchMedia(WIDE).matches) setOpen(false);
            navigate(event.detail.href.replace("/console", ""));
          }}
        />
      }
      ariaLabels={{
        navigation: "Pages",
        navigationClose: "Close the navigation",
        navigationToggle: "Open the navigation",
      }}
      content={
        // An error leaves the frame and the other pages as they are. React logs it.
        <ErrorBoundary key={path} onError={() => undefined}>
          <Suspense fallback={<Spinner size="large" />}>
            <Switch>
              {PAGES.map(({ path: href, load: Page }) => (
                <Route key={href} path={href}>
                  <Page />
                </Route>
              ))}
              <Route path="/orders/:id">{({ id }) => <Order key={id} id={id} />}</Route>
              <Route path="/runbook/:entry">{({ entry }) => <Runbook key={entry} entry={entry} />}</Route>
              <Route path="/">
                <Redirect to="/live" replace />
              </Route>
              <Route>
                <Box variant="h1">There is no such page</Box>
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      }
    />
  );
}

/** Reads what is shown again and again while the connection for live events is lost. */
function Polling(): ReactNode {
  usePolling(useLiveState() === "lost");
  return null;
}

/** Says that the connection is lost, and that what is shown may be old. */
function Connection(): ReactNode {
  const lost = useLiveState() === "lost";
  const online = useOnline();
  if (online && !lost) return null;
  const content = online
    ? "The connection for live events is lost. It is opened again by itself. Until then this page is read again every 30 seconds."
    : "This computer has no network. What is shown may be old.";
  return <Flashbar items={[{ id: "connection", type: "warning", content, statusIconAriaLabel: "Warning" }]} />;
}
