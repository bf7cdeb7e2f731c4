//! `muster apply`: makes the estate what files say.

mod overlap;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use muster_bus::convert::estate::site_to_proto;
use muster_estate::files::{Estate, read_estate};
use muster_estate::limits::{FILE_BYTES_MAX, SITES_MAX};
use muster_estate::model::Site;
use muster_estate::problem::Problems;
use muster_kit::{Exit, Failure};
use muster_proto::v1::{ApplyEstateRequest, ApplyEstateResponse, EstateChange, EstateDocument};

use super::client::Client;
use super::columns::CHANGE;
use super::datum::datum;
use super::failure;
use super::output::Output;
use super::text::visible;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster apply -f estate/ --dry-run
  muster apply -f estate/ --yes
  muster apply -f estate/dublin.yaml
  muster apply -f estate/ --prune     (sites that no file declares are removed)";

/// The gateway's reason for an estate that is not sound as a whole.
const ESTATE_INVALID: &str = "MUS-1005";
/// Folders below the named one that are looked into.
const DEPTH_MAX: usize = 8;

/// What to apply.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// A file, or a folder with .yaml files; - is standard input; may be repeated
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    pub file: Vec<PathBuf>,
    /// Only show the difference
    #[arg(long)]
    pub dry_run: bool,
    /// Remove the sites that no file declares
    #[arg(long)]
    pub prune: bool,
    /// Do not ask; without a terminal nothing is asked anyway
    #[arg(short, long)]
    pub yes: bool,
}

pub(super) async fn run(args: ApplyArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let estate = read_estate_files(&args.file, output)?;
    let documents: Vec<EstateDocument> = estate.sites.iter().map(|declared| site_to_proto(&declared.site)).collect();
    let planned = match send(&documents, args.prune, true, client).await? {
        Sent::Done(planned) => planned,
        Sent::Unsound(failure) => return Err(overlap::named(failure, estate, args.prune, client, output).await),
    };
    let changes = planned.changes.iter().filter(|change| change.action != "unchanged").count();
    if args.dry_run || changes == 0 {
        print(&planned, output)?;
        output.say(if changes == 0 { "nothing to change" } else { "nothing was changed: a dry run" });
        return Ok(Exit::Ok);
    }
    // Before anything is done, and whoever asks: a log of a script shows what it changed.
    difference(&planned.changes).iter().for_each(|line| output.say(line));
    if !args.yes && !output.agreed("apply this? [y/N] ") {
        return Err(Failure::message(Exit::Negative, "failed to apply the estate: you said no; nothing was changed"));
    }
    // What stands may have changed while somebody read: then yes was said to something else.
    let again = send(&documents, args.prune, true, client).await?.or_failure()?;
    if again.changes != planned.changes {
        let text = "failed to apply the estate: what stands has changed since the difference was shown; nothing was \
                    changed; run it again";
        return Err(Failure::message(Exit::Temporary, text));
    }
    let applied = send(&documents, args.prune, false, client).await?.or_failure()?;
    print(&applied, output)?;
    let sequence = applied.mutation.map_or(0, |mutation| mutation.sequence);
    output.say(&format!("applied; see it with: muster site summary --at-least-sequence {sequence}"));
    Ok(Exit::Ok)
}

/// What came of a call.
enum Sent {
    Done(ApplyEstateResponse),
    /// The whole, with the sites that stand, is not sound.
    Unsound(Failure),
}

impl Sent {
    fn or_failure(self) -> Result<ApplyEstateResponse, Failure> {
        match self {
            Self::Done(answer) => Ok(answer),
            Self::Unsound(failure) => Err(failure),
        }
    }
}

async fn send(
    documents: &[EstateDocument],
    prune: bool,
    validate_only: bool,
    client: &Client,
) -> Result<Sent, Failure> {
    let request = ApplyEstateRequest { documents: documents.to_vec(), validate_only, prune };
    let answer = client.estate().apply_estate(client.request(request)).await;
    let unsound = answer.as_ref().is_err_and(|status| failure::reason(status) == ESTATE_INVALID);
    match client.answer("apply the estate", answer) {
        Err(failure) if unsound => Ok(Sent::Unsound(failure)),
        answer => answer.map(Sent::Done),
    }
}

/// The difference: for people a line each, in other forms as it came.
fn print(answer: &ApplyEstateResponse, output: &mut Output) -> Result<(), Failure> {
    if output.for_people() {
        return difference(&answer.changes).iter().try_for_each(|line| output.line(line));
    }
    let rows: Vec<_> = answer.changes.iter().map(|change| datum("EstateChange", change)).collect();
    output.list(&CHANGE, &rows)
}

fn difference(changes: &[EstateChange]) -> Vec<String> {
    let mut lines = Vec::new();
    for change in changes {
        lines.push(visible(&format!("{} site {} (revision {})", change.action, change.site, change.revision)));
        lines.extend(change.differences.iter().map(|line| format!("  {}", visible(line))));
    }
    lines
}

/// The sites of all files, checked here: the errors name file, line and column.
pub(super) fn read_sites(paths: &[PathBuf], output: &mut Output) -> Result<Vec<Site>, Failure> {
    Ok(read_estate_files(paths, output)?.into_sites())
}

fn read_estate_files(paths: &[PathBuf], output: &mut Output) -> Result<Estate, Failure> {
    let mut files: Vec<(String, String)> = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            files.push(("-".to_owned(), bounded("standard input", std::io::stdin())?));
            continue;
        }
        let mut found = Vec::new();
        find(path, DEPTH_MAX, &mut found)?;
        if found.is_empty() {
            let text = format!("failed to find an estate in {}: there is no .yaml or .yml file", path.display());
            return Err(Failure::message(Exit::NoInput, text));
        }
        for file in found {
            let name = file.display().to_string();
            let opened = std::fs::File::open(&file).map_err(|error| unreadable(&file, &error))?;
            files.push((name.clone(), bounded(&name, opened)?));
        }
    }
    read_estate(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
        .map_err(|problems| told("read", &problems, output))
}

/// Says each problem on a line of its own.
fn told(action: &str, problems: &Problems, output: &mut Output) -> Failure {
    for problem in problems.list() {
        output.say(&visible(&problem.to_string()));
    }
    let count = problems.list().len();
    let text = format!("failed to {action} the estate: {count} problems, named above; nothing was changed");
    Failure::message(Exit::Data, text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::message(Exit::NoInput, format!("failed to read {}: {error}", path.display()))
}

/// A named file, or the estate files of a folder in the order of their names. Hidden ones are left out.
fn find(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let about = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !about.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(|error| unreadable(path, &error))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let path = entry.path();
        let wanted = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if !hidden && (wanted || (depth > 0 && path.is_dir())) {
            find(&path, depth.saturating_sub(1), found)?;
        }
        if found.len() > SITES_MAX {
            let text = format!("failed to read the estate: more than {SITES_MAX} files");
            return Err(Failure::message(Exit::Data, text));
        }
    }
    Ok(())
}

fn bounded(name: &str, from: impl Read) -> Result<String, Failure> {
    let fail = |exit, what: String| Failure::message(exit, format!("failed to read {name}: {what}"));
    let mut bytes = Vec::new();
    let most = FILE_BYTES_MAX as u64 + 1;
    from.take(most).read_to_end(&mut bytes).map_err(|error| fail(Exit::NoInput, error.to_string()))?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(fail(Exit::Data, format!("more than {FILE_BYTES_MAX} bytes; split it")));
    }
    String::from_utf8(bytes).map_err(|_| fail(Exit::Data, "it is not UTF-8".to_owned()))
}
