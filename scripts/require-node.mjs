// Plain JavaScript without newer syntax: an old Node must be able to read it and say why it stops.
const major = Number(process.versions.node.split('.')[0]);
if (major < 22) {
  console.error(
    `Lockstep needs Node 22 or newer, this is ${process.version}: run "npm ci" without --ignore-scripts (it installs Node 22 for the project's own commands) and use npm run.`,
  );
  process.exit(1);
}
