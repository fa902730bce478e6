import { startPage } from "../shared/page";
import "./shop.css";
import { Shop } from "./Shop";

void startPage({
  base: "/",
  people: "users",
  page: <Shop />,
  failure: (error, again) => (
    <main role="alert">
      <h1>The shop cannot be shown</h1>
      <p>{error.message}</p>
      <button onClick={again}>Try again</button>
    </main>
  ),
});
