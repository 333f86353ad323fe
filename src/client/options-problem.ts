/** The TypeError for options that a call does not have: a misspelt one would be lost. */
export function optionsProblem(options: unknown, known: readonly string[]): TypeError | undefined {
  if (typeof options !== 'object' || options === null) {
    return new TypeError(`options must be an object with some of ${known.join(', ')}`);
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  return new TypeError(
    `there is no option ${JSON.stringify(unknown)}; there are ${known.join(', ')}`,
  );
}
