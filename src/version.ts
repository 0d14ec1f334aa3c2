/** What `tsrun --version` and `features` say of this build. */

/** tsrun's own version, the same as package.json's. */
export const VERSION = "0.1.0";

/** The newest runtime-spec whose config.json this build understands. */
export const SPEC_VERSION = "1.3.0";

// Put in by the build from git; absent where there was no git.
declare const TSRUN_COMMIT: string | undefined;

/** The commit this was built from. */
export const COMMIT: string = typeof TSRUN_COMMIT === "string" ? TSRUN_COMMIT : "unknown";
