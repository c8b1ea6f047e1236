const root = new URL("../..", import.meta.url).pathname;

export default {
  // What an application needs for pages and routes that Node runs.
  serverExternalPackages: ["mayuse"],
  // What this test needs: its folder is inside another project's.
  turbopack: { root },
  outputFileTracingRoot: root,
  distDir: process.env.DIST,
};
