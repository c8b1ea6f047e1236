import { MayUse } from "mayuse";

const mayuse = await MayUse.open({ url: "/demo.snapshot" }, { publicKeys: import.meta.env.VITE_MAYUSE_PUBLIC_KEY });
for (const button of document.querySelectorAll("[data-feature]")) {
  const { allowed, reason } = mayuse.check({ customer: "initech", feature: button.dataset.feature });
  Object.assign(button, { disabled: !allowed, title: reason });
}
document.body.dataset.ready = String(mayuse.version);
