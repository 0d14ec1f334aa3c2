/** Rules about one TypeScript file: its length, its functions' length, its documentation, the host it must not know. */
import ts from "typescript";
import { lineOf, type Violation } from "./tree.ts";

const FILE_LINES = 250;
const FUNCTION_LINES = 60;

/** Names that only src/sys/ffi.ts may say in code. */
const HOSTS: ReadonlySet<string> = new Set(["Bun", "koffi", "bun:ffi", "require"]);
const FREE = "src/sys/ffi.ts";

/** Breaches in one file. */
export function checkSource(file: string, source: ts.SourceFile): readonly Violation[] {
  const found: Violation[] = [];
  const say = (node: ts.Node, rule: string): void => {
    found.push({ file, line: lineOf(source, node), rule });
  };
  const ours = file.startsWith("src/");
  const lines = source.getLineStarts().length - 1;
  if (!file.startsWith("test/") && lines > FILE_LINES) {
    found.push({ file, line: lines, rule: `${lines} lines in a file, ${FILE_LINES} at most` });
  }
  const visit = (node: ts.Node): void => {
    if (!file.startsWith("test/") && isFunction(node)) {
      const length = lengthOf(source, node);
      if (length > FUNCTION_LINES) say(node, `${length} lines in a function, ${FUNCTION_LINES} at most`);
    }
    if (ours && file !== FREE && saysHost(node)) say(node, `only ${FREE} may say ${node.getText(source)}`);
    if (ours && spreadsArguments(node)) say(node, "a list as arguments overflows the stack: src/lists.ts");
    if (node.kind === ts.SyntaxKind.AnyKeyword) say(node, "a type that switches the type checker off");
    ts.forEachChild(node, visit);
  };
  visit(source);
  if (ours)
    for (const node of source.statements)
      if (isUndocumented(node)) say(node, `${nameOf(node)} is exported without a doc comment`);
  return found;
}

function isFunction(node: ts.Node): boolean {
  return ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
}

function lengthOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getEnd()).line + 2 - lineOf(source, node);
}

function saysHost(node: ts.Node): boolean {
  return (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) && HOSTS.has(node.text);
}

/** `list.push(...more)`, `Math.max(...numbers)`: as many arguments as a stranger likes. */
function spreadsArguments(node: ts.Node): boolean {
  return (
    (ts.isCallExpression(node) || ts.isNewExpression(node)) &&
    node.arguments?.some(ts.isSpreadElement) === true
  );
}

function isUndocumented(node: ts.Statement): boolean {
  const exported =
    ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  return exported === true && ts.getJSDocCommentsAndTags(node).length === 0;
}

function nameOf(node: ts.Statement): string {
  if (ts.isVariableStatement(node))
    return node.declarationList.declarations.map((each) => each.name.getText()).join(", ");
  const { name } = node as { name?: ts.Node };
  return name?.getText() ?? "it";
}
