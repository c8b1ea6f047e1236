// Compares two schemas: is whatever the one describes also what the other describes?

/** What a reference points to, and the schema as it is when it is none. */
export function resolve(schema, document) {
  let found = schema;
  while (found?.$ref) {
    const steps = found.$ref.replace("#/", "").split("/").map((step) => decodeURIComponent(step).replaceAll("~1", "/"));
    found = steps.reduce((node, step) => node?.[step], document);
  }
  if (found === undefined) {
    throw new Error(`${schema?.$ref} points nowhere`);
  }
  return found;
}

/**
 * A schema in one form, however it is written: what types it has, whether null is one of them, its values, bounds,
 * fields and items, and the members of a union by their tag. `raw` is the schema this was read from.
 */
export function shapeOf(schema, document) {
  const raw = resolve(schema, document);
  if (raw === true || raw === false) {
    return { raw, any: raw, nullable: raw, types: new Set() };
  }
  const members = raw.oneOf ?? raw.anyOf;
  const nulls = members?.filter((member) => resolve(member, document).type === "null") ?? [];
  const others = members?.filter((member) => !nulls.includes(member)) ?? [];
  if (members && others.length === 1) {
    return { ...shapeOf(others[0], document), nullable: nulls.length > 0, holder: raw };
  }
  if (members && others.length > 1) {
    const tagged = others.map((member) => {
      const shape = shapeOf(member, document);
      return [shape.raw.properties?.type?.const, shape];
    });
    return { raw, nullable: nulls.length > 0, types: new Set(["object"]), variants: new Map(tagged) };
  }
  const values = "const" in raw ? [raw.const] : raw.enum;
  const typed = raw.type === undefined ? (values ?? []).map(typeName) : [raw.type].flat();
  const limits = { int32: [-2147483648, 2147483647] }[raw.format] ?? [];
  return {
    raw,
    any: raw.type === undefined && values === undefined,
    nullable: typed.includes("null"),
    types: new Set(typed.filter((type) => type !== "null")),
    values: values?.filter((value) => value !== null),
    minimum: raw.minimum ?? limits[0],
    maximum: raw.maximum ?? limits[1],
    format: ["date", "date-time"].includes(raw.format) ? raw.format : undefined,
    required: raw.required ?? [],
    properties: raw.properties ?? {},
    items: raw.items,
  };
}

/** The members of a union; an object with a tag is one of a single member. */
function membersOf(shape) {
  const tag = shape.properties?.type?.const;
  return shape.variants ?? (tag === undefined ? undefined : new Map([[tag, shape]]));
}

function typeName(value) {
  return value === null ? "null" : Number.isInteger(value) ? "integer" : typeof value;
}

/**
 * Everything that keeps what `ours` describes from being understood as `theirs`: of an answer, whether all of ours is
 * theirs; of a request, whether all of theirs is ours. `seen` is told of each pair of schemas.
 */
export function differences(direction, ours, theirs, seen = () => {}) {
  const found = [];
  const walk = (path, mine, yours) => {
    const a = shapeOf(mine, ours.document);
    const b = shapeOf(yours, theirs.document);
    seen({ direction, path, ours: a, theirs: b });
    const [said, understood] = direction === "answer" ? [a, b] : [b, a];
    const report = (what) => found.push(`${path}: ${what}`);
    if (understood.any) {
      if (a.any && !b.any) {
        report("ours says nothing about it");
      }
      return;
    }
    if (said.any) {
      return report("it may be anything");
    }
    if (said.nullable && !understood.nullable) {
      report("null is not understood");
    }
    const takes = (type) => understood.types.has(type) || (type === "integer" && understood.types.has("number"));
    const foreign = [...said.types].filter((type) => !takes(type));
    if (foreign.length > 0) {
      return report(`${foreign} is not understood`);
    }
    const news = understood.values && (said.values?.filter((value) => !understood.values.includes(value)) ?? ["any"]);
    if (news?.length > 0) {
      report(`the value ${news} is not understood`);
    }
    if (said.values === undefined && said.types.has("integer")) {
      if (understood.minimum !== undefined && !(understood.minimum <= said.minimum)) {
        report(`less than ${understood.minimum} is not understood`);
      }
      if (understood.maximum !== undefined && !(said.maximum <= understood.maximum)) {
        report(`more than ${understood.maximum} is not understood`);
      }
    }
    if (understood.format && said.format !== understood.format) {
      report(`it need not be a ${understood.format}`);
    }
    const [told, known] = [said, understood].map(membersOf);
    if (!told !== !known) {
      return report("only one of them is a union");
    }
    for (const [tag, variant] of said.variants || understood.variants ? told : []) {
      const like = known.get(tag);
      if (!like) {
        report(`the member ${tag} is not understood`);
        continue;
      }
      walk(`${path}<${tag}>`, ...(direction === "answer" ? [variant.raw, like.raw] : [like.raw, variant.raw]));
    }
    if (said.variants || understood.variants) {
      return;
    }
    for (const name of understood.required ?? []) {
      if (!said.required?.includes(name)) {
        report(`${name} may be missing`);
      }
    }
    for (const [name, schema] of Object.entries(b.properties ?? {})) {
      if (a.properties?.[name] === undefined) {
        report(`ours does not list ${name}`);
      } else {
        walk(`${path}.${name}`, a.properties[name], schema);
      }
    }
    if (b.items) {
      if (a.items === undefined) {
        report("ours does not say what the items are");
      } else {
        walk(`${path}[]`, a.items, b.items);
      }
    }
  };
  walk("", ours.schema, theirs.schema);
  return found;
}
