export default {
  // Node finds the engine beside the package's files.
  serverExternalPackages: ["mayuse"],
};
