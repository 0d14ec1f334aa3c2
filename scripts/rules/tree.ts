/** The files that rules are about, and what a violation is. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** A rule that is broken, and where. */
export interface Violation {
  /** Relative to the project. */
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

/** The TypeScript and C files below some folders of a project, sorted, generated ones left out. */
export function filesBelow(project: string, folders: readonly string[]): readonly string[] {
  const found: string[] = [];
  for (const folder of folders) {
    if (!existsSync(join(project, folder))) continue;
    for (const name of readdirSync(join(project, folder), { recursive: true, encoding: "utf8" })) {
      if (/\.(ts|c|h)$/.test(name) && !name.endsWith(".gen.ts")) found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

/** A TypeScript file's syntax. */
export function parse(file: string, text: string): ts.SourceFile {
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

/** The line a node starts on, counted from 1, without the comments before it. */
export function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}
