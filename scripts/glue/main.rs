//! Writes the JavaScript glue of a wasm module. This is the part of wasm-bindgen's command that the project needs, as a
//! crate of the workspace: it builds in a third of the time, and its version is the one in Cargo.lock.
#![forbid(unsafe_code)]
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "mayuse-glue worker|web MODULE.wasm FOLDER NAME";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, module, folder, name] = args.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name(name).typescript(false);
    let chosen = match kind.as_str() {
        // A panic ends the instance, so the Worker must notice it and start another.
        "worker" => bindgen.reset_state_function(true).force_enable_abort_handler(true).module(true),
        "web" => bindgen.web(true),
        _ => {
            eprintln!("unknown kind of glue: `{kind}`; {USAGE}");
            return ExitCode::from(2);
        }
    };
    match chosen.and_then(|bindgen| bindgen.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
