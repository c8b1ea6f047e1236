// The leanest rival: /CUSTOMER/FEATURE/USAGE cut by hand, and one of two constant bodies. It says nothing but yes or no.
import { lookUp } from "decide.js";
import text from "snapshot.json";

const may = lookUp(JSON.parse(text));
const init = { headers: { "content-type": "application/json" } };

export default {
  fetch({ url }) {
    const customer = url.indexOf("/", 8) + 1;
    const feature = url.indexOf("/", customer) + 1;
    const usage = url.indexOf("/", feature) + 1;
    const allowed = may(url.slice(customer, feature - 1), url.slice(feature, usage - 1), Number(url.slice(usage)));
    return new Response(allowed ? '{"allowed":true}' : '{"allowed":false}', init);
  },
};
