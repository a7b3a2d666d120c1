// The page that web/README.md's component stands on.
import { createRoot } from "react-dom/client";
import { Inquiry } from "./inquiry.jsx";

createRoot(document.getElementById("root")).render(<Inquiry property={window.property ?? "EB-RE1"} />);
