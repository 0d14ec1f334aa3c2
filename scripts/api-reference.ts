/**
 * Writes docs/api.md, the reference of the library, from the doc comments of what src/index.ts exports:
 *
 *     bun scripts/api-reference.ts [--check]
 *
 * With --check nothing is written: it ends with 1 where the file is not up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const FILE = join(PROJECT, "docs/api.md");

const HEAD = `# The library's reference

Made by \`npm run api\` from the doc comments of what \`src/index.ts\` exports; [library.md](library.md) shows how it is used.
`;

/** The chapters, in order, and what belongs into each. */
const CHAPTERS: readonly (readonly [title: string, belongs: (node: ts.Declaration) => boolean])[] = [
  ["Classes", (node) => ts.isClassDeclaration(node) && !isError(node)],
  ["Functions", ts.isFunctionDeclaration],
  ["Errors", (node) => isError(node)],
  ["Constants", ts.isVariableDeclaration],
  ["Types", (node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)],
];

function isError(node: ts.Declaration): boolean {
  return ts.isClassDeclaration(node) && node.name?.text.endsWith("Error") === true;
}

/** What a module exports, by the name under which it does, with its declaration wherever that is. */
function exportsOf(program: ts.Program, file: string): ReadonlyMap<string, ts.Declaration> {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source === undefined ? undefined : checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${file} is no module`);
  const found = new Map<string, ts.Declaration>();
  for (const symbol of checker.getExportsOfModule(module)) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const [declaration] = target.declarations ?? [];
    if (declaration !== undefined) found.set(symbol.name, declaration);
  }
  return found;
}

/** The doc comment that stands on a declaration; of a variable, on its statement. */
function docsOf(node: ts.Node): ts.JSDoc | undefined {
  const owner = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return ts.getJSDocCommentsAndTags(owner).filter(ts.isJSDoc).at(-1);
}

/** Everything a doc comment says, as Markdown; each tag becomes a line of a list. */
function described(node: ts.Node, names: ReadonlySet<string>): string {
  // As it stands: the compiler takes the braces of a link after @throws for a type.
  const text = (docsOf(node)?.getText() ?? "")
    .replace(/^\/\*\*|\*\/$/g, "")
    .replace(/^[ \t]*\* ?/gm, "")
    .trim();
  const [comment = "", ...tags] = text.split(/(?:^|\s)@(?=(?:param|returns|throws)\s)/m);
  const list = tags.map((tag) => {
    const [, name = "", rest = ""] = /^(\w+)\s+([\s\S]*)$/.exec(tag) ?? [];
    const said = rest.replace(/\s+/g, " ").trim();
    return name === "param" ? `- ${said.replace(/^(\S+)/, "`$1`:")}` : `- ${name}: ${said}`;
  });
  return linked([comment.trim(), list.join("\n")].filter((part) => part !== "").join("\n\n"), names);
}

/** `{@link Name.member}` becomes a link where the name is in the reference. */
function linked(text: string, names: ReadonlySet<string>): string {
  return text.replace(/\{@link ([\w.]+)\s*\}/g, (_, target: string) => {
    const [name = ""] = target.split(".");
    return names.has(name) ? `[\`${target}\`](#${name.toLowerCase()})` : `\`${target}\``;
  });
}

/** A declaration's own text without doc comments, bodies and `export`. */
function signature(node: ts.Node): string {
  const body = "body" in node ? (node.body as ts.Node | undefined) : undefined;
  const end = body === undefined ? node.getEnd() : body.getFullStart();
  const text = node
    .getSourceFile()
    .text.slice(node.getStart(), end)
    .replace(/\/\*\*[\s\S]*?\*\/\s*/g, "");
  return dedented(text.replace(/^(export|override|public) /, "").replace(/[;{]?\s*$/, ""));
}

/** Members of classes and interfaces stand two columns to the right. */
function dedented(text: string): string {
  const [first = "", ...rest] = text.split("\n");
  const indents = rest.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
  const least = indents.length === 0 ? 0 : Math.min(...indents);
  return [first, ...rest.map((line) => line.slice(least))].join("\n");
}

function code(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``;
}

/** Whether a program that uses the library can see a member. */
function isVisible(member: ts.ClassElement | ts.TypeElement): boolean {
  if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return false;
  if (!ts.canHaveModifiers(member)) return true;
  return !ts.getModifiers(member)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
}

function classSection(name: string, node: ts.ClassDeclaration, names: ReadonlySet<string>): string {
  const base = node.heritageClauses?.map((clause) => clause.getText()).join(" ");
  const parts = [code(`class ${name}${base === undefined ? "" : ` ${base}`}`), described(node, names)];
  for (const member of node.members.filter(isVisible)) {
    const title = member.name?.getText() ?? "constructor";
    parts.push(`#### ${name}.${title}`, code(signature(member)), described(member, names));
  }
  return parts.join("\n\n");
}

/** An interface: its fields as a list, each with what it means. */
function interfaceSection(node: ts.InterfaceDeclaration, names: ReadonlySet<string>): string {
  const base = node.heritageClauses?.map((clause) => clause.getText()).join(" ");
  const fields = node.members.map((member) => {
    const text = signature(member)
      .replace(/^readonly /, "")
      .replace(/\s+/g, " ");
    const said = described(member, names).replace(/\s+/g, " ").trim();
    return `- \`${text}\`${said === "" ? "" : `: ${said}`}`;
  });
  const parts = [described(node, names), fields.join("\n")];
  return [...(base === undefined ? [] : [`It \`${base}\`.`]), ...parts].join("\n\n");
}

function section(name: string, node: ts.Declaration, names: ReadonlySet<string>): string {
  if (ts.isClassDeclaration(node)) return classSection(name, node, names);
  if (ts.isInterfaceDeclaration(node)) return interfaceSection(node, names);
  const text = ts.isVariableDeclaration(node) ? `const ${node.name.getText()}` : signature(node);
  return `${code(text)}\n\n${described(node, names)}`;
}

/** The whole reference. */
export function apiReference(project: string): string {
  const file = join(project, "src/index.ts");
  const { config } = ts.readConfigFile(join(project, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: [file] },
    ts.sys,
    project,
  );
  const all = exportsOf(ts.createProgram([file], options), file);
  const names = new Set(all.keys());
  const parts = [HEAD];
  for (const [title, belongs] of CHAPTERS) {
    parts.push(`## ${title}\n`);
    for (const [name, node] of [...all].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (belongs(node)) parts.push(`### ${name}\n\n${section(name, node, names)}\n`);
    }
  }
  return `${parts
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = apiReference(PROJECT);
  if (!process.argv.includes("--check")) writeFileSync(FILE, made);
  else if (readFileSync(FILE, "utf8") !== made) {
    console.error("docs/api.md is not up to date: npm run api");
    process.exitCode = 1;
  }
}
