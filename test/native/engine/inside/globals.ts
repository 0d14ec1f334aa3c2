/** Nothing but what the engine has beside the language. */
import "../../../../src/engine/globals.ts";
