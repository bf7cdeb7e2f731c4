//! `muster site key` and `muster site sign`: who allowed a scope. Both read and write files alone and reach no gateway, so
//! that the key can stay on a machine of its own.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use muster_estate::files::to_yaml;
use muster_estate::scope::{public_key_hex, sign_scope};
use muster_kit::{Exit, Failure, OrExit as _};

use super::apply;
use super::output::Output;

/// Where the key is.
#[derive(Debug, Clone, Args)]
pub struct KeyArgs {
    /// The file; made, for its owner alone, when it is not there
    pub file: PathBuf,
}

/// What to sign.
#[derive(Debug, Clone, Args)]
pub struct SignArgs {
    /// A file, or a folder with .yaml files; - is standard input; may be repeated
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    pub file: Vec<PathBuf>,
    /// The key's file, as `muster site key` makes it
    #[arg(long = "sign-with", value_name = "FILE")]
    pub sign_with: PathBuf,
}

/// Prints the public key of a key file, which is made when it is not there.
pub(super) fn key(args: &KeyArgs, output: &mut Output) -> Result<Exit, Failure> {
    let secret = if args.file.exists() { read(&args.file)? } else { make(&args.file)? };
    output.line(&public_key_hex(&secret))?;
    output.say("scanners trust it when scanner.trusted_keys names it");
    Ok(Exit::Ok)
}

/// Prints the sites of estate files, each with its scope signed: what `muster apply` takes.
pub(super) fn sign(args: &SignArgs, output: &mut Output) -> Result<Exit, Failure> {
    let secret = read(&args.sign_with)?;
    for mut site in apply::read_sites(&args.file, output)? {
        sign_scope(&mut site, &secret);
        output.raw(&format!("---\n{}", to_yaml(&site)?))?;
    }
    Ok(Exit::Ok)
}

fn make(file: &Path) -> Result<[u8; 32], Failure> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Failure::message(Exit::Internal, error))?;
    let mut open = std::fs::OpenOptions::new();
    let mut created = open.write(true).create_new(true).mode(0o600).open(file).map_err(|error| {
        Failure::message(Exit::CannotCreate, format!("failed to make the key {}: {error}", file.display()))
    })?;
    writeln!(created, "{}", hex::encode(secret)).or_exit(Exit::CannotCreate)?;
    created.sync_all().or_exit(Exit::CannotCreate)?;
    Ok(secret)
}

fn read(file: &Path) -> Result<[u8; 32], Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let next = if error.kind() == ErrorKind::NotFound { "; make one with: muster site key FILE" } else { "" };
        Failure::message(Exit::NoInput, format!("failed to read the key {}: {error}{next}", file.display()))
    })?;
    let mut secret = [0; 32];
    hex::decode_to_slice(text.trim(), &mut secret).map_err(|_| {
        let what = format!("failed to read the key {}: it does not hold 64 hexadecimal digits", file.display());
        Failure::message(Exit::Data, what)
    })?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt as _;

    use muster_estate::files::read_estate;
    use muster_estate::scope::{Standing, TrustedKeys, verify_scope};

    use super::*;

    #[test]
    fn i5_what_was_signed_counts_when_it_was_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scope.key");
        let secret = make(&file).unwrap();
        assert_eq!(read(&file).unwrap(), secret);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = "site: lan\nranges: [192.0.2.0/24]\nzones:\n  - {name: all, blocks: [192.0.2.0/24], class: test}\n";
        let mut site = read_estate([("lan.yaml", text)]).unwrap().into_sites().remove(0);
        sign_scope(&mut site, &secret);
        let yaml = to_yaml(&site).unwrap();
        let mut back = read_estate([("signed.yaml", yaml.as_str())]).unwrap().into_sites().remove(0);
        let trusted = TrustedKeys::from_hex([public_key_hex(&secret).as_str()]).unwrap();
        assert_eq!(verify_scope(&back, &trusted), Ok(Standing::Signed));
        back.scope.rate_site_pps += 1;
        assert!(verify_scope(&back, &trusted).is_err());
    }

    #[test]
    fn a_key_is_not_written_over_and_no_other_file_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scope.key");
        assert_eq!(read(&file).unwrap_err().exit(), Exit::NoInput);
        std::fs::write(&file, "not a key").unwrap();
        assert_eq!(make(&file).unwrap_err().exit(), Exit::CannotCreate);
        assert_eq!(read(&file).unwrap_err().exit(), Exit::Data);
    }
}
