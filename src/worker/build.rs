//! Takes the blanks out of `openapi.json`, which a third of it is: the Worker carries it.

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../openapi.json");
    let openapi: serde_json::Value = serde_json::from_str(&fs::read_to_string("../../openapi.json")?)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("openapi.json"), openapi.to_string())?;
    Ok(())
}
