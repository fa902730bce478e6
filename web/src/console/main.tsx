import "@cloudscape-design/global-styles/index.css";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { startPage } from "../shared/page";
import { Console } from "./Console";

void startPage({
  base: "/console/",
  people: "operators",
  page: <Console />,
  failure: (error, again) => (
    <Alert type="error" header="The console cannot be shown" action={<Button onClick={again}>Try again</Button>}>
      {error.message}
    </Alert>
  ),
});
