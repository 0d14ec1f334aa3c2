/** The program. */
import { exit } from "../sys/process.ts";
import { main } from "./main.ts";

const code = main(process.argv.slice(2));
if (typeof code === "number") exit(code);
void code.then(exit);
