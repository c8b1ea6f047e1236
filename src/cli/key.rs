//! `mayuse key`

use crate::input::{self, CliError};
use clap::builder::PossibleValuesParser;
use mayuse_dialects::{Keys, Scope, hex};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io;

/// Whose key, and what for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The Worker knows keys by their SHA-256 alone: the key itself is printed here and nowhere else.
Its table of keys is the secret API_KEYS, a JSON array of rows.

Examples:
  mayuse key --name checkout
  mayuse key --name billing-sync --scope catalog
  mayuse key --name another-region --scope snapshot
  mayuse key --name backend --scope check --scope usage --class bulk --json
  mayuse key --name commet-sdk --scope catalog --prefix ck_")]
pub struct Args {
    /// Who it is for: stands in logs, and beside what was written with it
    #[arg(long)]
    name: String,
    /// What it may do; may be given several times
    #[arg(long = "scope", value_name = "SCOPE", value_parser = PossibleValuesParser::new(Scope::names()), default_value = "check")]
    scopes: Vec<String>,
    /// Which rate limit it is under: the Worker's binding RATE_LIMIT_ and this in capitals
    #[arg(long, value_name = "CLASS", default_value = "standard")]
    class: String,
    /// What the key begins with; Commet's clients take none but ck_
    #[arg(long, value_name = "PREFIX", default_value = "mayuse_")]
    prefix: String,
    /// Print the key and its row as JSON
    #[arg(long)]
    json: bool,
}

/// Makes a key and prints it.
pub fn run(args: &Args) -> Result<bool, CliError> {
    if args.name.trim().is_empty() || args.name.chars().any(char::is_control) {
        return Err(CliError::Usage { message: "--name: expected a name".to_owned() });
    }
    let is_word = args.class.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if args.class.is_empty() || !is_word {
        return Err(CliError::Usage { message: "--class: expected letters, digits and underscores".to_owned() });
    }
    // A key is sent in headers, and as the user name of Basic authentication, which ends at a colon.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !args.prefix.bytes().all(is_plain) || 32 < args.prefix.len() {
        let message = "--prefix: expected up to 32 letters, digits, underscores and hyphens".to_owned();
        return Err(CliError::Usage { message });
    }
    let mut scopes: Vec<&String> = Vec::new();
    for scope in &args.scopes {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    let key = format!("{}{}", args.prefix, random_hex::<32>()?);
    let hash = hex(&Sha256::digest(key.as_bytes()));
    let row = json!({"name": args.name, "sha256": hash, "scopes": scopes, "class": args.class});
    // The Worker must accept every key that is printed.
    let table = Keys::read(&format!("[{row}]"));
    let table = table.map_err(|problems| CliError::Problems { what: "the row".to_owned(), problems })?;
    if table.find(&key).is_none() {
        return Err(CliError::Json { what: "the row".to_owned(), message: "it does not fit the key".to_owned() });
    }
    if args.json {
        input::print_json(&json!({"key": key, "row": row}))?;
        return Ok(true);
    }
    input::print(&format!(
        "Key, shown this once:\n  {key}\n\nRow for the table of keys:\n  {row}\n\n\
         Add the row to the JSON array of those there are, and store that. For this one alone:\n  \
         printf %s {} | wrangler secret put API_KEYS",
        input::quote(&format!("[{row}]"))
    ))?;
    Ok(true)
}

/// Random bytes from the operating system, in hexadecimal digits.
pub fn random_hex<const N: usize>() -> Result<String, CliError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| io::Error::other(error.to_string()))
        .map_err(|error| CliError::Io { what: "the system's random numbers".to_owned(), error })?;
    Ok(hex(&bytes))
}
