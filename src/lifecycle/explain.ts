export function explainBundle(_r: unknown, _f: string): string {
  return "";
}
