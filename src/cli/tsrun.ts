/** The program. */
import { exit } from "../sys/process.ts";
import { main } from "./main.ts";

exit(await main(process.argv.slice(2)));
