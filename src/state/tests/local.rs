//! The ledger on the real disk.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{sample::*, *};

#[test]
fn a_run_is_kept_entry_by_entry_and_then_folded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state/prod.json");
    let entries = running("orders", "orders");
    wait(async {
        let mut ledger = Local::at(&path);
        assert_eq!(ledger.load().await, Ok(None));
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.begin(&empty()).await.unwrap();
        let mut recorded = empty();
        for entry in &entries {
            ledger.append(std::slice::from_ref(entry)).await.unwrap();
            recorded.apply(entry).unwrap();
            let seen = Local::at(&path).load().await.unwrap().unwrap();
            assert_eq!(seen, Recorded { serial: 1, ..recorded.clone() });
        }
        assert_eq!(Local::at(&path).held_by().await, Ok(Some(holder("apply"))));
        assert_eq!(Local::at(&path).begun_by().await, Ok(Some(holder("apply"))));
        ledger.fold(&recorded).await.unwrap();
        drop(ledger);
        let reader = Local::at(&path);
        assert_eq!(reader.load().await, Ok(Some(Recorded { serial: 2, ..recorded })));
        assert_eq!((reader.held_by().await, reader.begun_by().await), (Ok(None), Ok(None)));
    });
    let mut left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["prod.json", "prod.lock"]);
}

/// A folder with a state in it that two runs left, and what it records.
pub fn kept() -> (tempfile::TempDir, std::path::PathBuf, Recorded) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prod.json");
    let recorded = one_run(&path, &running("orders", "orders"));
    (folder, path, recorded)
}

/// A whole run that appends `entries`, and what is found after it.
pub fn one_run(path: &Path, entries: &[Entry]) -> Recorded {
    wait(async {
        let (mut ledger, mut recorded) = begun(path, entries).await;
        entries.iter().for_each(|entry| recorded.apply(entry).unwrap());
        ledger.fold(&recorded).await.unwrap();
        ledger.load().await.unwrap().unwrap()
    })
}

/// A run that has appended `entries` and is interrupted when it is dropped; and what it began on.
pub async fn begun(path: &Path, entries: &[Entry]) -> (Local, Recorded) {
    let mut ledger = Local::at(path);
    ledger.lock(&holder("apply"), Duration::from_secs(5)).await.unwrap();
    let recorded = ledger.load().await.unwrap().unwrap_or_else(empty);
    ledger.begin(&recorded).await.unwrap();
    ledger.append(entries).await.unwrap();
    (ledger, recorded)
}

pub fn load(path: &Path) -> Result<Option<Recorded>, LedgerError> {
    wait(Local::at(path).load())
}

fn interrupted(path: &Path) -> Recorded {
    wait(async { drop(begun(path, &[declared("sales", "sales")]).await) });
    load(path).unwrap().unwrap()
}

/// That a file does not read, why, and that reading, locking and beginning leave it as it was.
fn damaged(path: &Path, file: &Path) -> String {
    let before = fs::read(file).unwrap();
    let error = load(path).unwrap_err();
    let mut ledger = Local::at(path);
    wait(async {
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        assert_eq!(ledger.begin(&empty()).await, Err(error.clone()));
    });
    assert_eq!(fs::read(file).unwrap(), before);
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    error.to_string()
}

#[test]
fn what_an_interrupted_run_left_is_loaded_and_then_folded() {
    let (_folder, path, before) = kept();
    let after = interrupted(&path);
    assert_eq!(after.serial, before.serial);
    assert!(after.statements.contains_key("sales"));
    let reader = Local::at(&path);
    assert_eq!(wait(reader.begun_by()), Ok(Some(holder("apply"))));
    assert_eq!(wait(reader.held_by()), Ok(None), "a lock file that is left behind is no lock");
    let folded = one_run(&path, &[]);
    assert_eq!(folded, Recorded { serial: before.serial + 2, ..after });
}

#[test]
fn a_run_with_nothing_to_do_folds_what_an_interrupted_one_left() {
    let (_folder, path, before) = kept();
    let after = interrupted(&path);
    let (journal, stale) = (path.with_extension("journal"), fs::read(path.with_extension("journal")).unwrap());
    let idle = || {
        wait(async {
            let mut ledger = Local::at(&path);
            ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
            let recorded = ledger.load().await.unwrap().unwrap();
            ledger.fold_interrupted(&recorded).await.unwrap();
        });
        assert!(!journal.exists());
        load(&path).unwrap().unwrap()
    };
    let folded = idle();
    assert_eq!(folded, Recorded { serial: before.serial + 1, ..after });
    // One that was folded already is removed alone, and then there is nothing to write.
    fs::write(&journal, stale).unwrap();
    assert_eq!(idle(), folded);
    assert_eq!(idle(), folded);
    // Nor is anything begun where there is no snapshot yet.
    fs::remove_file(&path).unwrap();
    fs::write(&journal, "{").unwrap();
    wait(async {
        let mut ledger = Local::at(&path);
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.fold_interrupted(&empty()).await.unwrap();
    });
    assert!(!journal.exists() && !path.exists());
}

#[test]
fn a_torn_last_line_is_cut_and_any_other_bad_line_is_damage() {
    let (_folder, path, _) = kept();
    let journal = path.with_extension("journal");
    wait(async {
        let (mut ledger, _) = begun(&path, &[declared("b", "b")]).await;
        ledger.append(&[declared("c", "c")]).await.unwrap();
    });
    let whole = fs::read(&journal).unwrap();
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    assert_eq!(ends.len(), 3, "a first line and two groups");
    for cut in 0..=whole.len() {
        fs::write(&journal, &whole[..cut]).unwrap();
        let recorded = load(&path).unwrap().unwrap();
        let found = ["b", "c"].map(|key| recorded.statements.contains_key(key));
        assert_eq!(found, [cut >= ends[1], cut >= ends[2]], "cut at {cut}");
    }
    // Pages that never reached the disk.
    let mut holes = whole.clone();
    holes[ends[1] + 5..ends[1] + 40].fill(0);
    fs::write(&journal, &holes).unwrap();
    assert!(!load(&path).unwrap().unwrap().statements.contains_key("c"));

    for (at, line) in [(ends[0] - 5, 1), (ends[0] + 60, 2), (ends[1] + 60, 3)] {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(&journal, bad).unwrap();
        let message = damaged(&path, &journal);
        assert!(message.contains(&format!("line {line}")) && message.contains("left untouched"), "{message}");
    }
    // A line that is gone from the middle is missed by the next one's checksum.
    let gap = [&whole[..ends[0]], &whole[ends[1]..]].concat();
    fs::write(&journal, gap).unwrap();
    assert!(damaged(&path, &journal).contains("line 2: its checksum is wrong"));
}

#[test]
fn a_byte_that_rots_is_never_read_as_something_else() {
    let (_folder, path, _) = kept();
    let journal = path.with_extension("journal");
    let names = ["b", "c", "d"];
    wait(async {
        let (mut ledger, _) = begun(&path, &[]).await;
        for name in names {
            ledger.append(&[declared(name, name)]).await.unwrap();
        }
    });
    let whole = fs::read(&journal).unwrap();
    let sound = load(&path).unwrap().unwrap();
    for at in 0..whole.len() {
        let mut rotten = whole.clone();
        rotten[at] ^= 1 << (at % 8);
        fs::write(&journal, &rotten).unwrap();
        match load(&path) {
            Err(LedgerError::Damaged { .. } | LedgerError::Newer { .. }) => {}
            Err(other) => panic!("{other}"),
            // The end of the last line was hit, so it reads as one that a cut left unfinished.
            Ok(recorded) => {
                let statements = &recorded.unwrap().statements;
                assert!(at >= whole.len() - whole.split(|byte| *byte == b'\n').nth(3).unwrap().len() - 1, "at {at}");
                assert!(names[..2].iter().all(|name| statements[*name] == sound.statements[*name]), "at {at}");
                assert!(!statements.contains_key("d"), "at {at}");
            }
        }
    }
}

#[test]
fn a_state_that_is_none_is_left_untouched() {
    let (_folder, path, _) = kept();
    let whole = fs::read(&path).unwrap();
    let cut = &whole[..whole.len() / 2];
    let misspelt = String::from_utf8(whole.clone()).unwrap().replace("\"current\"", "\"curent\"");
    for (bytes, why) in [
        (&b""[..], "it is empty"),
        (b"{}", "it has no `format`"),
        (b"[1]", "it has no `format`"),
        (b"{\"format\": 0}", "format 0 is none that this floe can read"),
        (b"{\"format\": 1}", "missing field `lineage` at line 1"),
        (misspelt.as_bytes(), "unknown field `curent`, expected one of"),
        (b"<<<<<<< HEAD\n{}", "expected value at line 1"),
        (cut, "EOF while parsing"),
    ] {
        fs::write(&path, bytes).unwrap();
        let message = damaged(&path, &path);
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let (_folder, path, recorded) = kept();
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&path, &newer).unwrap();
    assert!(damaged(&path, &path).contains("has format 2, this floe knows formats up to 1"));
    fs::write(&path, newer.replace("\"format\": 2", "\"format\": 1")).unwrap();
    assert_eq!(load(&path), Ok(Some(recorded)));
}

#[test]
fn a_journal_on_an_older_snapshot_is_ignored_and_removed() {
    let (_folder, path, _) = kept();
    interrupted(&path);
    let journal = path.with_extension("journal");
    let old = fs::read(&journal).unwrap();
    let folded = one_run(&path, &[]);
    // It matters no more, not even where it is damaged.
    let line = old.iter().position(|byte| *byte == b'\n').unwrap();
    let rotten = old.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == line + 40)).collect::<Vec<_>>();
    fs::write(&journal, rotten).unwrap();
    assert_eq!(load(&path), Ok(Some(folded.clone())));
    fs::write(&journal, old).unwrap();
    assert_eq!(load(&path), Ok(Some(folded.clone())));
    assert_eq!(wait(Local::at(&path).begun_by()), Ok(None));
    assert_eq!(one_run(&path, &[]), Recorded { serial: folded.serial + 1, ..folded });
    assert!(!journal.exists());
}

#[test]
fn a_journal_whose_snapshot_was_taken_away_is_not_thrown_away() {
    let (_folder, path, _) = kept();
    let old = fs::read(&path).unwrap();
    one_run(&path, &[]);
    interrupted(&path);
    let journal = path.with_extension("journal");
    fs::write(&path, old).unwrap();
    let message = damaged(&path, &journal);
    assert!(message.contains("interrupted run on serial 3") && message.contains("has serial 2"), "{message}");
    fs::remove_file(&path).unwrap();
    assert!(damaged(&path, &journal).contains("prod.json is missing; put that snapshot back"));
}

#[test]
fn a_run_begins_only_on_what_is_there_now() {
    let (_folder, path, read_before) = kept();
    let now = one_run(&path, &[declared("b", "b")]);
    let begin = |recorded: Recorded| {
        let mut ledger = Local::at(&path);
        wait(async {
            ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
            let first = ledger.begin(&recorded).await;
            // Nothing was written, so the same run may go on with what is there.
            assert_eq!(ledger.begin(&now).await, Ok(()));
            first.unwrap_err().to_string()
        })
    };
    assert!(begin(read_before.clone()).contains("its serial is 3, not 2; nothing was written"));
    assert!(begin(empty()).contains("its serial is 3, not 0"));
    assert!(begin(Recorded { lineage: "other".to_owned(), ..now.clone() }).contains("lineage-1, not other"));
    fs::remove_file(&path).unwrap();
    fs::remove_file(path.with_extension("journal")).unwrap();
    let mut ledger = Local::at(&path);
    wait(async {
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        assert!(ledger.begin(&read_before).await.unwrap_err().to_string().contains("it is gone"));
    });
}

#[test]
fn what_contradicts_the_record_is_never_written() {
    let (_folder, path, _) = kept();
    let journal = path.with_extension("journal");
    wait(async {
        let (mut ledger, recorded) = begun(&path, &[declared("b", "b")]).await;
        let before = fs::read(&journal).unwrap();
        let error = ledger.append(&[declared("c", "c"), applied("9", "")]).await.unwrap_err();
        assert!(error.to_string().contains("no intent of that id is open; nothing was written"), "{error}");
        assert_eq!(ledger.append(&[declared("d", "d")]).await, Err(error));
        assert_eq!(fs::read(&journal).unwrap(), before);
        drop(ledger);
        let (mut ledger, _) = begun(&path, &[declared("c", "c")]).await;
        let error = ledger.fold(&recorded).await.unwrap_err();
        assert!(error.to_string().contains("not what the entries made of the record"), "{error}");
    });
    assert!(load(&path).unwrap().unwrap().statements.contains_key("c"));
}

#[test]
fn steps_out_of_order_are_refused() {
    let (_folder, path, recorded) = kept();
    for step in 0..3 {
        let mut ledger = Local::at(&path);
        let error = wait(async {
            match step {
                0 => ledger.begin(&recorded).await,
                1 => ledger.append(&[declared("b", "b")]).await,
                _ => ledger.fold(&recorded).await,
            }
        });
        assert!(matches!(error, Err(LedgerError::Incoherent { .. })), "{error:?}");
    }
    assert_eq!(load(&path), Ok(Some(recorded)));
}

#[test]
fn readers_see_a_whole_record_at_every_instant_of_many_runs() {
    let (_folder, path, first) = kept();
    let stop = Arc::new(AtomicBool::new(false));
    let reading = {
        let (path, stop) = (path.clone(), Arc::clone(&stop));
        thread::spawn(move || {
            let (mut reads, mut seen) = (0, (first.serial, 0));
            while !stop.load(Ordering::Relaxed) {
                let recorded = load(&path).unwrap().unwrap();
                // What was declared once stays, so a reader that goes back in time would count fewer.
                let now = (recorded.serial, recorded.statements.len());
                assert!(now.0 >= seen.0 && now.1 >= seen.1, "{now:?} after {seen:?}");
                seen = now;
                reads += 1;
            }
            reads
        })
    };
    for run in 0..25 {
        let key = |step: u32| format!("s{run}-{step}");
        if run % 5 == 4 {
            wait(async { drop(begun(&path, &[declared(&key(0), &key(0))]).await) });
        } else {
            one_run(&path, &[declared(&key(0), &key(0)), declared(&key(1), &key(1))]);
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 0);
    assert_eq!(load(&path).unwrap().unwrap().statements.len(), 1 + 20 * 2 + 5);
}

#[test]
fn a_snapshot_is_sorted_and_readable_and_ends_its_last_line() {
    let (_folder, path, _) = kept();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\n  \"environment\": {\n    \"cloud\": \"aws\","), "{text}");
    assert!(text.ends_with("\n}\n"));
    let top: Vec<_> = text.lines().filter(|line| line.starts_with("  \"")).map(|line| line.trim()).collect();
    assert!(top.is_sorted(), "{top:?}");
}

#[test]
fn an_older_format_is_read_and_kept_beside_when_it_is_first_written() {
    fn up(json: &mut serde_json::Value) -> Result<(), String> {
        let json = json.as_object_mut().ok_or("it is no object")?;
        let lineage = json.remove("family").ok_or("it has no `family`")?;
        json.insert("lineage".to_owned(), lineage);
        Ok(())
    }
    let (folder, path, recorded) = kept();
    let older = fs::read_to_string(&path).unwrap().replace("\"lineage\"", "\"family\"");
    fs::write(&path, &older).unwrap();
    let ledger = || Local::at(&path).with_formats(2, &[up]);
    let migrated = Recorded { format: 2, ..recorded.clone() };
    assert_eq!(wait(ledger().load()), Ok(Some(migrated.clone())));
    assert_eq!(fs::read_to_string(&path).unwrap(), older, "reading migrates nothing");
    wait(async {
        let mut ledger = ledger();
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.begin(&migrated).await.unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("prod.json.format-1")).unwrap(), older);
        ledger.append(&[declared("b", "b")]).await.unwrap();
    });
    let found = wait(ledger().load()).unwrap().unwrap();
    assert_eq!((found.format, found.serial), (2, recorded.serial + 1));
    assert!(found.statements.contains_key("b"));
    assert!(matches!(load(&path), Err(LedgerError::Newer { found: 2, known: 1, .. })));
    fs::write(&path, older.replace("\"family\"", "\"clan\"")).unwrap();
    assert!(wait(ledger().load()).unwrap_err().to_string().contains("it has no `family`"));
}

#[test]
fn writing_needs_work_in_proportion_to_the_entry_alone() {
    let (_folder, path, _) = kept();
    let many: Vec<Entry> = (0..500).map(|n| declared(&format!("s{n}"), &format!("s{n}"))).collect();
    one_run(&path, &many);
    wait(async {
        let (mut ledger, _) = begun(&path, &[]).await;
        let journal = path.with_extension("journal");
        let mut before = fs::metadata(&journal).unwrap().len();
        for n in 100..120 {
            ledger.append(&[declared(&format!("t{n}"), &format!("t{n}"))]).await.unwrap();
            let now = fs::metadata(&journal).unwrap().len();
            assert!((200..1000).contains(&(now - before)), "{} bytes", now - before);
            before = now;
        }
    });
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_the_owner_may_read_it() {
        let (folder, path, _) = kept();
        interrupted(&path);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        }
    }

    #[test]
    fn a_symbolic_link_stays_one_and_leads_to_the_same_lock() {
        let (folder, path, _) = kept();
        fs::create_dir(folder.path().join("elsewhere")).unwrap();
        let [near, far] = ["near.json", "elsewhere/far.json"].map(|name| folder.path().join(name));
        symlink("elsewhere/far.json", &near).unwrap();
        symlink(&path, &far).unwrap();
        let after = one_run(&near, &[declared("b", "b")]);
        assert!(fs::symlink_metadata(&near).unwrap().is_symlink() && fs::symlink_metadata(&far).unwrap().is_symlink());
        assert_eq!(load(&path), Ok(Some(after)));
        let mut first = Local::at(&near);
        wait(first.lock(&holder("apply"), Duration::ZERO)).unwrap();
        assert_eq!(wait(Local::at(&path).held_by()), Ok(Some(holder("apply"))));

        let [one, two] = ["one.json", "two.json"].map(|name| folder.path().join(name));
        symlink(&one, &two).unwrap();
        symlink(&two, &one).unwrap();
        assert!(load(&one).unwrap_err().to_string().contains("too many symbolic links"));
        // One that leads to nothing yet leads to where the state will be.
        let dangling = folder.path().join("dangling.json");
        symlink(folder.path().join("new/prod.json"), &dangling).unwrap();
        assert_eq!(load(&dangling), Ok(None));
        one_run(&dangling, &[]);
        assert!(folder.path().join("new/prod.json").is_file());
    }

    #[test]
    fn a_journal_that_is_moved_or_removed_is_no_place_to_keep_anything() {
        let happenings: [fn(&Path); 4] = [
            |folder| fs::remove_dir_all(folder).unwrap(),
            |folder| fs::rename(folder, folder.with_extension("away")).unwrap(),
            |folder| fs::remove_file(folder.join("prod.journal")).unwrap(),
            |folder| {
                fs::write(folder.join("other"), "").unwrap();
                fs::rename(folder.join("other"), folder.join("prod.journal")).unwrap();
            },
        ];
        for (happens, appends) in happenings.into_iter().flat_map(|one| [(one, true), (one, false)]) {
            let above = tempfile::tempdir().unwrap();
            let folder = above.path().join("state");
            wait(async {
                let (mut ledger, recorded) = begun(&folder.join("prod.json"), &[declared("a", "a")]).await;
                happens(&folder);
                let error = match appends {
                    true => ledger.append(&[declared("b", "b")]).await.unwrap_err(),
                    false => ledger.fold(&recorded).await.unwrap_err(),
                };
                let (said, entries) = (error.to_string(), if appends { "2 entries" } else { "1 entries" });
                assert!(said.contains("prod.journal: it is gone") && said.contains(entries), "{said}");
                assert_eq!(ledger.append(&[declared("c", "c")]).await, Err(error), "it goes on");
            });
        }
    }

    #[test]
    fn a_state_that_cannot_be_written_is_told_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state"), "a file where the folder should be").unwrap();
        let mut ledger = Local::at(folder.path().join("state/prod.json"));
        let error = wait(ledger.lock(&holder("apply"), Duration::ZERO)).unwrap_err();
        assert!(matches!(error, LedgerError::Disk { .. }), "{error}");
        fs::create_dir_all(folder.path().join("other/prod.json")).unwrap();
        let message = load(&folder.path().join("other/prod.json")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read") && message.contains("prod.json"), "{message}");
    }
}
