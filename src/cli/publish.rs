//! `mayuse publish`

use crate::build;
use crate::folder;
use crate::input::{self, CliError};
use crate::keygen;
use crate::kv;
use crate::publication::Publication;
use crate::push;
use crate::server::Server;
use crate::snapshot::{self, Opened, Trust};
use mayuse_core::{MAX_VERSION, Packed};
use mayuse_snapshot::{Hash, Manifest, SigningKey, Unverified};
use std::path::PathBuf;

/// Which snapshot, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The objects go first and the manifest last: it is what publishes them. Objects that are there already are not
sent again, so after a failure the same command goes on where it was.

With --rollback, an older snapshot is published anew: its table under a new version, since readers never go
back to an old one. That takes the key to sign it with. Only what that key signed itself is signed again, or what
one of the keys given with --public-key did: the snapshot of a stranger is refused.

Examples:
  MAYUSE_KEY=... mayuse publish snapshot --url https://mayuse.example.com
  mayuse publish snapshot --kv bulk.json && wrangler kv bulk put bulk.json --binding SNAPSHOTS --remote
  mayuse publish yesterday --url https://mayuse.example.com --rollback --key snapshot.key

Exit status: 0 published or written, 1 the server refused or was not reached, 2 a bad question or snapshot.")]
#[command(group = clap::ArgGroup::new("target").required(true).args(["url", "kv"]))]
pub struct Args {
    /// The folder of the snapshot
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The Worker: http[s]://host[:port][/prefix]; its key is that in MAYUSE_KEY
    #[arg(long, value_name = "WORKER")]
    url: Option<String>,
    /// Write a file for `wrangler kv bulk put` instead; several, where one would be too large for it
    #[arg(long, value_name = "OUT")]
    kv: Option<PathBuf>,
    /// Publish it again, under a new version
    #[arg(long)]
    rollback: bool,
    /// With --rollback, the key to sign with; that in MAYUSE_SIGNING_KEY if not given
    #[arg(long, value_name = "FILE", requires = "rollback")]
    key: Option<PathBuf>,
    /// With --rollback, the deployment that may read it; that of the old snapshot if not given
    #[arg(long, value_name = "NAME", requires = "rollback", value_parser = build::audience)]
    audience: Option<String>,
    /// With --rollback, the new version; one more than the Worker's if not given
    #[arg(
        long,
        value_name = "N",
        requires = "rollback",
        value_parser = clap::value_parser!(u64).range(1..=MAX_VERSION)
    )]
    version: Option<u64>,
    /// With --rollback, public keys one of which signed the old snapshot, with blanks between them; those in
    /// MAYUSE_SNAPSHOT_KEYS if not given, else the public half of the key to sign with
    #[arg(long = "public-key", value_name = "KEYS", requires = "rollback")]
    public_keys: Option<String>,
}

/// Publishes the snapshot.
pub fn run(args: &Args) -> Result<bool, CliError> {
    if !args.folder.is_dir() {
        let message =
            format!("{}: expected the folder of a snapshot, as `mayuse build` makes it", input::name(&args.folder));
        return Err(CliError::Usage { message });
    }
    if args.kv.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        let message = "--kv -: expected the name of a file; there may have to be several".to_owned();
        return Err(CliError::Usage { message });
    }
    let signer = if args.rollback { Some(keygen::signing_key(args.key.as_deref())?) } else { None };
    let mut keys = keygen::public_keys(args.public_keys.as_deref())?;
    if keys.is_empty() {
        keys.extend(signer.as_ref().map(SigningKey::public));
    }
    let opened = snapshot::open(&args.folder, &keys)?;
    if let (Some(_), Trust::Refused(error)) = (&signer, &opened.trust) {
        let message = format!(
            "{}: {error}. To roll back is to sign its table again, so it must be known who signed it first: if you \
             trust key {}, pass its public half with --public-key",
            opened.name, opened.key
        );
        return Err(CliError::Usage { message });
    }
    let opened = opened.trusted()?;
    let server = args.url.as_deref().map(|url| Server::open(url, None)).transpose()?;
    if server.as_ref().is_some_and(|server| !server.has_key()) {
        let message = "no key of the Worker: set the environment variable MAYUSE_KEY".to_owned();
        return Err(CliError::Usage { message });
    }
    let publication = if let Some(signer) = &signer {
        again(args, signer, opened, server.as_ref())?
    } else {
        let found = folder::read_manifest(&args.folder)?;
        let (manifest, read) = found.ok_or_else(|| CliError::Usage { message: "there is no manifest".to_owned() })?;
        let version = read.claims().version;
        Publication { opened, manifest, version }
    };
    match (&server, &args.kv) {
        (Some(server), _) => push::push(server, &publication)?,
        (None, Some(path)) => kv::write(path, &publication)?,
        (None, None) => {}
    }
    Ok(true)
}

/// Publishes an old snapshot's index under a new version.
fn again(args: &Args, signer: &SigningKey, opened: Opened, server: Option<&Server>) -> Result<Publication, CliError> {
    let current = server.map(current).transpose()?.flatten();
    let newest = current.as_ref().map_or(0, |(version, _)| *version).max(opened.manifest.version);
    let version = match (args.version, server) {
        (Some(version), _) if version <= newest => {
            let message = format!("--version {version}: it must be greater than {newest}, or readers refuse it");
            return Err(CliError::Usage { message });
        }
        (Some(version), _) => version,
        (None, Some(_)) if MAX_VERSION <= newest => {
            return Err(CliError::Usage { message: format!("version {newest} is the last one there can be") });
        }
        (None, Some(_)) => newest.saturating_add(1),
        (None, None) => {
            let message = "--rollback with --kv needs --version N, greater than any that was published".to_owned();
            return Err(CliError::Usage { message });
        }
    };
    let manifest = Manifest {
        version,
        audience: args.audience.as_ref().unwrap_or(&opened.manifest.audience).clone(),
        generated_at: input::now(),
        previous: current.map(|(_, hash)| hash),
        ..opened.manifest.clone()
    };
    let manifest = Packed::from(manifest.sign(signer));
    Ok(Publication { opened, manifest, version })
}

/// The version and the manifest's hash of a Worker, or `None` without a snapshot.
fn current(server: &Server) -> Result<Option<(u64, Hash)>, CliError> {
    let Some(bytes) = snapshot::manifest_of(server)? else { return Ok(None) };
    let wrong = |message: String| CliError::Snapshot { what: format!("the manifest of {}", server.url), message };
    let bytes = Packed::new(bytes).ok_or_else(|| wrong("not a manifest".to_owned()))?;
    let read = Unverified::read(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(Some((read.claims().version, Hash::of(bytes.as_slice()))))
}
