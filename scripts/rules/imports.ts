/** Which room may import which: down only, and from the outside world nothing that only Node has. */
import { dirname, join } from "node:path";
import ts from "typescript";
import { lineOf, type Violation } from "./tree.ts";

/** The rooms below src/, by floor: a file may import its own room and lower floors. */
const FLOORS: Readonly<Record<string, number>> = {
  "index.ts": 10,
  "runtime.ts": 9,
  cli: 9,
  lifecycle: 8,
  observe: 7,
  image: 7,
  spawn: 6,
  state: 5,
  cgroup: 4,
  plan: 3,
  bundle: 2,
  sys: 1,
  engine: 0,
  "version.ts": 0,
  "error.ts": 0,
  "lists.ts": 0,
};

/** Rooms that Node alone runs, and what they may load there: what the executable runs has no modules beside its own. */
const NODES_ROOMS: Readonly<Record<string, RegExp>> = { image: /^node:/ };

/** The only file that may import the globals of the executable's engine: Node and Bun have their own. */
const EXECUTABLE = "src/cli/executable.ts";

/** What plan may use of bundle at run time, beside types. */
const PLAN_USES = ["src/bundle/vocabulary.ts", "src/bundle/sysctl.ts"];

/** The only part of sys that pure rooms may use at run time. */
const CONSTANTS = "src/sys/constants.gen.ts";

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
  readonly node: ts.Node;
}

/** Breaches of the import rules in one file. */
export function checkImports(file: string, source: ts.SourceFile): readonly Violation[] {
  const found: Violation[] = [];
  for (const { from, typeOnly, node } of importsOf(source)) {
    const rule = from.startsWith(".") ? relative(file, from, typeOnly) : foreign(file, from);
    if (rule !== undefined) found.push({ file, line: lineOf(source, node), rule });
  }
  return found;
}

function importsOf(source: ts.SourceFile): readonly Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ from: node.moduleSpecifier.text, typeOnly: isTypeOnly(node.importClause), node });
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      found.push({ from: node.moduleSpecifier.text, typeOnly: node.isTypeOnly, node });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument))
        found.push({ from: argument.text, typeOnly: false, node });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  if (name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.every((element) => element.isTypeOnly);
}

function room(file: string): string {
  return file.split("/")[1] ?? "";
}

function relative(file: string, from: string, typeOnly: boolean): string | undefined {
  if (!from.endsWith(".ts")) return `the import of ${from} does not end in .ts`;
  const target = join(dirname(file), from);
  if (!file.startsWith("src/")) return undefined;
  if (!target.startsWith("src/")) return `src imports ${target}`;
  const [own, other] = [room(file), room(target)];
  const [above, below] = [FLOORS[own], FLOORS[other]];
  if (above === undefined || below === undefined)
    return `room ${above === undefined ? own : other} has no floor`;
  if (own !== other && below >= above) return `${own} imports ${other}: imports go down only`;
  if (other === "engine" && own !== "engine" && file !== EXECUTABLE)
    return `${file} imports engine: only ${EXECUTABLE} does`;
  if (own === "bundle" && other !== "bundle" && other !== "error.ts" && other !== "lists.ts")
    return "bundle imports only error";
  if (own === "plan" && !typeOnly) return planUses(target, other);
  return undefined;
}

function planUses(target: string, other: string): string | undefined {
  if (other === "bundle" && !PLAN_USES.includes(target))
    return `plan uses ${target}: only types and ${PLAN_USES.join(", ")}`;
  if (other === "sys" && target !== CONSTANTS) return `plan uses ${target}: only ${CONSTANTS}`;
  return undefined;
}

function foreign(file: string, from: string): string | undefined {
  if (!file.startsWith("src/") || NODES_ROOMS[room(file)]?.test(from)) return undefined;
  return `src imports ${from}: no module but its own, since the executable has no other`;
}
