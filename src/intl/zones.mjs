// The offsets of time zones, from the database of the JavaScript engine.

// 1970-01-01 and 2101-01-01 in seconds since 1970.
const FROM = 0;
const TO = 4133980800;
// No zone changes its offset twice within six days.
const STEP = 6 * 86400;

// `Intl` takes names in any case; those of the database begin with a capital after each slash. No name is in capitals
// behind a slash, but for those of offsets and of Australian states.
const SPELLED = /^(?!.*\/[A-Z]{4})(?:[A-Z][\w+-]*)(?:\/(?:[A-Z]|Es?$)[\w+-]*)*$/;

// Names that engines take besides: abbreviations, of which the database has only these, and names that it dropped.
const FOREIGN =
  /^(?!(?:CET|EET|EST|GMT|HST|MET|MST|PRC|ROC|ROK|UCT|UTC|WET)$)[A-Z]{3}$|^SystemV\/|^US\/Pacific-New$|^Canada\/East-S/;

/**
 * The offsets of a zone in seconds, each after the second since 1970 from which on it counts; nothing for a name that
 * is not one.
 */
export function offsets(name) {
  const list = known.get(name) ?? listOf(name);
  if (list.length !== 0) known.set(name, list);
  return list;
}

// A list takes about twenty milliseconds.
const known = new Map();

function listOf(name) {
  let format;
  try {
    if (!SPELLED.test(name) || FOREIGN.test(name)) return [];
    // The year alone is the least work beside the offset.
    format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset", year: "numeric" });
    const { timeZone } = format.resolvedOptions();
    if (timeZone !== name && timeZone.toLowerCase() === name.toLowerCase()) return [];
  } catch {
    return [];
  }
  const at = (second) => {
    // "1970, GMT+01:00"; GMT alone is 0.
    const [, sign, h, m, s] = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(format.format(second * 1000));
    return h ? (sign + 1) * (h * 3600 + m * 60 + (s ?? 0) * 1) : 0;
  };
  const list = [FROM, at(FROM)];
  for (let from = FROM, offset = list[1]; from < TO; from += STEP) {
    const to = Math.min(from + STEP, TO - 1);
    const next = at(to);
    if (next === offset) continue;
    // The first second of the new offset lies in (low, high].
    let [low, high] = [from, to];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (at(middle) === offset) low = middle;
      else high = middle;
    }
    list.push(high, next);
    offset = next;
  }
  return list;
}
