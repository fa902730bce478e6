/** The shop's page for customers: its frame, its navigation and its pages. */

import type { ReactNode } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { useLiveState, useOnline, usePage, usePerson } from "../shared/page";
import { unitsIn, useBasket } from "./basket";
import { useFreshData } from "./data";
import { Account } from "./pages/Account";
import { Basket } from "./pages/Basket";
import { Checkout } from "./pages/Checkout";
import { NotFound } from "./pages/NotFound";
import { Order } from "./pages/Order";
import { Orders } from "./pages/Orders";
import { Guard } from "./parts/Guard";
import { Product } from "./pages/Product";
import { Products } from "./pages/Products";

export function Shop(): ReactNode {
  useFreshData();
  const [path] = useLocation();
  return (
    <>
      <a className="skip" href="#content">
        Go to the content
      </a>
      <Header />
      <Connection />
      <Guard key={path}>
        <Switch>
          <Route path="/">
            <Products />
          </Route>
          <Route path="/products/:sku">{({ sku }) => <Product sku={sku} />}</Route>
          <Route path="/basket">
            <Basket />
          </Route>
          <Route path="/checkout">
            <Checkout />
          </Route>
          <Route path="/orders">
            <Orders />
          </Route>
          <Route path="/orders/:id">{({ id }) => <Order key={id} id={id} />}</Route>
          <Route path="/account">
            <Account />
          </Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Guard>
      <Footer />
    </>
  );
}

function Header(): ReactNode {
  const { config, session } = usePage();
  const person = usePerson();
  const [path] = useLocation();
  const units = unitsIn(useBasket());
  return (
    <header>
      <div className="bar">
        <Link href="/" className="brand">
          {config.title}
        </Link>
        <nav aria-label="Shop">
          {person !== null && (
            <>
              <Place href="/orders">Orders</Place>
              <Place href="/account">Account</Place>
            </>
          )}
          <Place href="/basket">
            Basket
            {units > 0 && <span className="count">{units}</span>}
          </Place>
          {person === null ? (
            <button className="plain" onClick={() => void session.signIn(path)}>
              Sign in
            </button>
          ) : (
            <button className="plain wide" onClick={() => void session.signOut()}>
              Sign out
            </button>
          )}
        </nav>
      </div>
    </header>
  );
}

/** A link that says whether it leads to the page that is shown. */
function Place({ href, children }: { href: string; children: ReactNode }): ReactNode {
  const [path] = useLocation();
  const below = path.startsWith(`${href}/`) ? true : undefined;
  return (
    <Link href={href} aria-current={path === href ? "page" : below}>
      {children}
    </Link>
  );
}

/** Says that the page is offline, or that it does not learn of events at once. */
function Connection(): ReactNode {
  const online = useOnline();
  const person = usePerson();
  const lost = useLiveState() === "lost";
  if (online && !(lost && person !== null)) return <div role="status" />;
  return (
    <div role="status" className="banner">
      {online
        ? "Live updates are interrupted. They resume by themselves. Until then, what you see may be half a minute old."
        : "You are offline. What you see may be old."}
    </div>
  );
}

function Footer(): ReactNode {
  const { config } = usePage();
  return (
    <footer>
      <p>
        {config.gateway === "simulated"
          ? `This shop is a demonstration (stage ${config.stage}). Payments are simulated, and nothing is delivered.`
          : `${config.title}. Cards are charged by Stripe.`}
      </p>
    </footer>
  );
}
