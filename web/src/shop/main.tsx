import { startPage } from "../shared/page";
import "./shop.css";
import { Shop } from "./Shop";

void startPage({
  base: "/",
  people: "users",
  page: <Shop />,
  failure: (_, again) => (
    <main role="alert">
      <h1>The shop cannot be shown</h1>
      <p>Something went wrong while it started, or while you signed in. Try again in a moment.</p>
      <button onClick={again}>Try again</button>
    </main>
  ),
});
