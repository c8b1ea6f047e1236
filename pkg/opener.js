// What opens the snapshots of mayuse/testing: the class of the entry beside it, which may be a bundle of its own.

/** The class `MayUse`. */
export let opener;

/** Says what opens snapshots. */
export function opensWith(MayUse) {
  opener = MayUse;
}
