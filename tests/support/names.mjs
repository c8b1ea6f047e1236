// The names of vectors, which are those of the wire, as the npm package has them.

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** A question or an answer with the package's names. What a JSON value of a CONFIG feature holds has its own. */
export function named(value) {
  if (Array.isArray(value)) return value.map(named);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, of]) => {
      if (name === "path" && typeof of === "string") return [name, camel(of)];
      return [camel(name), value.kind === "JSON" && name === "value" ? of : named(of)];
    }),
  );
}

/** The question of a case. Ladder and rows stay as in a document. */
export const questionOf = ({ id, kind, description, expect, catalog, ...question }) => ({
  ...(kind === "resolve" ? question : named(question)),
  ...(kind === "suggest" ? { suggest: true } : {}),
});
