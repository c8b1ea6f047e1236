//! `mayuse keygen`, and the lookup of keys for other commands.

use crate::input::{self, CliError};
use crate::key;
use mayuse_snapshot::{KeyError, PublicKey, SigningKey};
use serde_json::json;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const SIGNING_KEY: &str = "MAYUSE_SIGNING_KEY";
const SNAPSHOT_KEYS: &str = "MAYUSE_SNAPSHOT_KEYS";

/// Where to put it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A snapshot is signed with the secret half, and verified with the public half, which may be known to anybody.
While keys are changed, readers know the public halves of both.

Examples:
  mayuse keygen
  mayuse keygen -o snapshot.key && mayuse build demo/catalog.json -o snapshot --key snapshot.key")]
pub struct Args {
    /// Write the secret key to this file, which only you can read, instead of printing it, and the public one to FILE.pub
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the keys as JSON
    #[arg(long)]
    json: bool,
}

/// Generates a key pair and prints it.
pub fn run(args: &Args) -> Result<bool, CliError> {
    let secret = key::random_hex::<32>()?;
    let public = parsed("the key", SigningKey::parse(&secret))?.public();
    if let Some(path) = &args.output {
        write_secret(path, &secret).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => CliError::Usage {
                message: format!("{}: it is there already, and a key is not overwritten", input::name(path)),
            },
            _ => CliError::Io { what: input::name(path), error },
        })?;
        let path = public_path(path);
        let written = fs::write(&path, format!("{public}\n"));
        written.map_err(|error| CliError::Io { what: input::name(&path), error })?;
    }
    let shown = args.output.is_none().then_some(&secret);
    if args.json {
        let mut keys = json!({"key_id": public.id().to_string(), "public": public.to_string()});
        if let (Some(secret), Some(keys)) = (shown, keys.as_object_mut()) {
            keys.insert("secret".to_owned(), secret.as_str().into());
        }
        input::print_json(&keys)?;
        return Ok(true);
    }
    let (secret, build, put) = match &args.output {
        Some(path) => {
            let path = input::quote(&path.display().to_string());
            (String::new(), format!("--key {path}"), format!("wrangler secret put SNAPSHOT_SIGNING_KEY < {path}"))
        }
        None => (
            format!("Secret key, shown this once:\n  {secret}\n\n"),
            format!("{SIGNING_KEY}=... in its environment, or --key FILE"),
            "wrangler secret put SNAPSHOT_SIGNING_KEY".to_owned(),
        ),
    };
    input::print(&format!(
        "{secret}Public key:\n  {public}\nKey id:\n  {}\n\n\
         Whoever signs needs the secret key:\n  \
         mayuse build    {build}\n  \
         the Worker      {put}\n\
         Whoever reads needs the public key:\n  \
         mayuse inspect  {SNAPSHOT_KEYS}={public} in its environment, or --keys\n  \
         the Worker      the variable SNAPSHOT_KEYS in wrangler.toml, several with blanks between them",
        public.id()
    ))?;
    Ok(true)
}

/// The path of the public key, beside the secret key.
fn public_path(path: &Path) -> PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    PathBuf::from(public)
}

/// Writes a new file that only its owner can read.
fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(format!("{secret}\n").as_bytes())?;
    file.sync_all()
}

/// The signing key, from a file or else from the environment.
pub fn signing_key(path: Option<&Path>) -> Result<SigningKey, CliError> {
    if let Some(path) = path {
        // A public key is as long as a secret one, and nobody could verify what it signs.
        if path.extension().is_some_and(|extension| extension == "pub") {
            let message = format!("{}: this is the public key; sign with the secret one", input::name(path));
            return Err(CliError::Usage { message });
        }
        let text = String::from_utf8_lossy(&input::read(path)?).into_owned();
        return secret(&input::name(path), &text);
    }
    match env::var(SIGNING_KEY).ok().filter(|key| !key.trim().is_empty()) {
        Some(key) => secret(SIGNING_KEY, &key),
        None => {
            let message = format!(
                "no key to sign with: pass --key FILE, or set the environment variable {SIGNING_KEY}. \
                 `mayuse keygen -o snapshot.key` makes one"
            );
            Err(CliError::Usage { message })
        }
    }
}

/// Reads a secret key, which is none of the public keys in the environment.
fn secret(what: &str, text: &str) -> Result<SigningKey, CliError> {
    let key = parsed(what, SigningKey::parse(text))?;
    let known = env::var(SNAPSHOT_KEYS).unwrap_or_default();
    if known.split_whitespace().any(|public| public.eq_ignore_ascii_case(&key.secret())) {
        let message = format!("{what}: this is a public key of {SNAPSHOT_KEYS}; sign with the secret one");
        return Err(CliError::Usage { message });
    }
    Ok(key)
}

/// The keys to verify with, from the argument or else from the environment. May be empty.
pub fn public_keys(given: Option<&str>) -> Result<Vec<PublicKey>, CliError> {
    let (what, list) = match given {
        Some(list) => ("--keys", list.to_owned()),
        None => (SNAPSHOT_KEYS, env::var(SNAPSHOT_KEYS).unwrap_or_default()),
    };
    let keys = parsed(what, PublicKey::parse_list(&list))?;
    if given.is_some() && keys.is_empty() {
        return Err(CliError::Usage {
            message: "--keys: expected a public key, as `mayuse keygen` prints it".to_owned(),
        });
    }
    Ok(keys)
}

fn parsed<T>(what: &str, key: Result<T, KeyError>) -> Result<T, CliError> {
    key.map_err(|error| CliError::Usage { message: format!("{what}: {error}") })
}
