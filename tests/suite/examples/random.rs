//! Prints the random program of a seed, or writes it to a folder: `random SEED [DIR]`.

use std::path::PathBuf;

use fec_suite::generate::generate;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let program = generate(seed);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        println!("{}", program.asol);
        for (path, text) in &program.files {
            println!("// {path}\n{text}");
        }
        return Ok(());
    };
    for (path, text) in
        program.files.iter().map(|(path, text)| (path.as_str(), text)).chain([("main.asol", &program.asol)])
    {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}
