/** The program, where nothing is compiled. */
import { enter } from "./parts/all.ts";

enter();
