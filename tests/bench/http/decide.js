// A check as one writes it by hand in JavaScript: maps, and for each question a walk over the plan and the add-ons.

/** Until when the month lasts that holds `now`, of months counted from the day of `start`. */
function endOfMonth(start, now) {
  const from = new Date(start);
  const at = new Date(now);
  const turn = (year, month) => {
    const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    const day = Math.min(from.getUTCDate(), lastDay);
    return Date.UTC(year, month, day, from.getUTCHours(), from.getUTCMinutes());
  };
  const thisMonth = turn(at.getUTCFullYear(), at.getUTCMonth());
  return thisMonth <= now ? turn(at.getUTCFullYear(), at.getUTCMonth() + 1) : thisMonth;
}

/** Everything a caller may want to know: why, by what, the limit, what is left, and when it starts again. */
export function decider({ features, plans, addons, customers }) {
  const known = new Set(features.map((feature) => feature.key));
  const grants = new Map([...plans, ...addons].map((one) => [one.id, new Map(Object.entries(one.grants))]));
  const byId = new Map(customers.map((customer) => [customer.id, customer]));
  return (id, feature, usage, now) => {
    if (!known.has(feature)) {
      return { allowed: false, reason: "unknown_feature" };
    }
    const customer = byId.get(id);
    if (customer === undefined) {
      return { allowed: false, reason: "unknown_customer" };
    }
    if (customer.status !== "active") {
      return { allowed: false, reason: "subscription_inactive" };
    }
    let limit = -1;
    let source = null;
    const granted = grants.get(customer.plan).get(feature);
    if (granted === true) {
      return { allowed: true, reason: "granted", source: customer.plan };
    }
    if (granted !== undefined) {
      [limit, source] = [granted, customer.plan];
    }
    for (const addOn of customer.addons) {
      const more = grants.get(addOn).get(feature);
      if (more === true) {
        return { allowed: true, reason: "granted", source: addOn };
      }
      if (more !== undefined && more > limit) {
        [limit, source] = [more, addOn];
      }
    }
    if (source === null) {
      return { allowed: false, reason: "not_in_plan" };
    }
    const allowed = usage < limit;
    return {
      allowed,
      reason: allowed ? "within_limit" : "limit_reached",
      source,
      limit,
      remaining: Math.max(0, limit - usage),
      resetsAt: endOfMonth(customer.periodStart, now),
    };
  };
}

/** The least that answers yes or no: for each customer the limits of all features, worked out beforehand. */
export function lookUp({ features, plans, addons, customers }) {
  const places = new Map(features.map((feature, n) => [feature.key, n]));
  const grants = new Map([...plans, ...addons].map((one) => [one.id, Object.entries(one.grants)]));
  // Customers with the same plan and add-ons share their limits.
  const shared = new Map();
  const limitsOf = ({ plan, addons: held }) => {
    const name = [plan, ...[...held].sort()].join();
    if (!shared.has(name)) {
      const limits = new Float64Array(features.length).fill(-1);
      for (const [feature, grant] of [plan, ...held].flatMap((source) => grants.get(source))) {
        const at = places.get(feature);
        limits[at] = Math.max(limits[at], grant === true ? Infinity : grant);
      }
      shared.set(name, limits);
    }
    return shared.get(name);
  };
  const active = customers.filter((customer) => customer.status === "active");
  const byId = new Map(active.map((customer) => [customer.id, limitsOf(customer)]));
  return (id, feature, usage) => {
    const limits = byId.get(id);
    return limits !== undefined && usage < limits[places.get(feature)];
  };
}
