import { UsageError } from "../../error.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { completed } from "../completion/model.ts";
import { zshScript } from "../completion/zsh.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun completion` */
export const command: Command = ({ args }) => {
  print(script(args[0] ?? ""));
  return 0;
};

function script(shell: string): string {
  switch (shell) {
    case "bash":
      return bashScript(completed());
    case "zsh":
      return zshScript(completed());
    case "fish":
      return fishScript(completed());
    default:
      throw new UsageError(`there is no completion for the shell ${JSON.stringify(shell)}`, {
        hint: "use one of: bash, zsh, fish",
      });
  }
}
