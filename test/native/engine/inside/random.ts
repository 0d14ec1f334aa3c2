/** Numbers by chance, the same ones for a seed. @returns a whole one from 0 to `below` - 1 */
export function randomFrom(seed: number): (below: number) => number {
  let state = (seed * 2 + 0x9e3779b9) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
