/** `doctor`: what this host offers to containers of this caller, what is lost where it does not, and how to get it. */

import { visible } from "../error.ts";
import { largest } from "../lists.ts";
import { cgroups } from "./doctor/cgroups.ts";
import { host } from "./doctor/host.ts";
import { kernel, namespaces } from "./doctor/kernel.ts";
import { security } from "./doctor/security.ts";
import { users } from "./doctor/users.ts";
import type { Finding, World } from "./doctor/world.ts";

/** Looks at everything; what is tried leaves nothing. */
export function diagnose(world: World): readonly Finding[] {
  return [kernel, namespaces, users, cgroups, security, host].flatMap((look) => look(world));
}

/** Whether this caller can run containers at all. */
export function canRun(findings: readonly Finding[]): boolean {
  return findings.every(({ needed, state }) => needed !== true || state !== "missing");
}

/** The findings as lines for people, by area. */
export function report(findings: readonly Finding[]): string {
  const width = largest(findings.map(({ name }) => name.length));
  const lines: string[] = [];
  let area = "";
  for (const finding of findings) {
    if (finding.area !== area) {
      area = finding.area;
      lines.push(area);
    }
    lines.push(`  ${finding.state.padEnd(7)}  ${finding.name.padEnd(width)}  ${visible(finding.found)}`);
    const indent = " ".repeat(width + 13);
    if (finding.state !== "ok") {
      if (finding.lost !== undefined) lines.push(`${indent}without it: ${finding.lost}`);
      if (finding.cure !== undefined) lines.push(`${indent}to get it: ${visible(finding.cure)}`);
    }
  }
  const good = canRun(findings);
  lines.push("", good ? "containers can run here" : `no container can run here: ${needs(findings)}`);
  return lines.map((line) => `${line}\n`).join("");
}

function needs(findings: readonly Finding[]): string {
  const absent = findings.filter(({ needed, state }) => needed === true && state === "missing");
  return absent.map(({ area, name }) => (area === "namespaces" ? `${name} namespace` : name)).join(", ");
}
