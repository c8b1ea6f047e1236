// The errors of the package.

/** What cannot be read or used. `problems` lists everything that is wrong; `code` and `path` are those of the first. */
export class MayUseError extends Error {
  constructor(problems, options) {
    const [{ code, path, message }] = problems;
    super(path ? `${path}: ${message}` : message, options);
    this.code = code;
    this.path = path;
    this.problems = problems;
  }
}

/** A catalog document that cannot be used. */
export class DocumentError extends MayUseError {}

/** A malformed question: a mistake in the program that asks. */
export class QuestionError extends MayUseError {}

/** A snapshot that is damaged, unsigned, for another audience, or older than the accepted one. */
export class SnapshotError extends MayUseError {}

/** A question to something that was closed. */
export class ClosedError extends MayUseError {}

// A minifier would change the names of classes.
for (const [name, Kind] of Object.entries({ MayUseError, DocumentError, QuestionError, SnapshotError, ClosedError })) {
  Kind.prototype.name = name;
}

/** The error of one problem. */
export const fault = (Kind, code, path, message) => new Kind([{ code, path, message }]);
