//! Tests of the ledger on the real disk.

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

use super::{fixtures::*, *};

#[test]
fn a_run_is_durable_entry_by_entry_and_then_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state/prod.json");
    let entries = running_statement("orders", "orders");
    block_on(async {
        let mut ledger = LocalLedger::at(&path);
        assert_eq!(ledger.load().await, Ok(None));
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.begin(&empty_record()).await.unwrap();
        let mut recorded = empty_record();
        for entry in &entries {
            ledger.append(std::slice::from_ref(entry)).await.unwrap();
            recorded.apply(entry).unwrap();
            let seen = LocalLedger::at(&path).load().await.unwrap().unwrap();
            assert_eq!(seen, Recorded { serial: 1, ..recorded.clone() });
        }
        assert_eq!(LocalLedger::at(&path).lock_holder().await, Ok(Some(holder("apply"))));
        assert_eq!(LocalLedger::at(&path).interrupted_run().await, Ok(Some(holder("apply"))));
        ledger.compact(&recorded).await.unwrap();
        drop(ledger);
        let reader = LocalLedger::at(&path);
        assert_eq!(reader.load().await, Ok(Some(Recorded { serial: 2, ..recorded })));
        assert_eq!((reader.lock_holder().await, reader.interrupted_run().await), (Ok(None), Ok(None)));
    });
    let mut left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["prod.json", "prod.lock"]);
}

/// Returns a folder with a state after one complete run, its path, and the record.
pub fn saved_state() -> (tempfile::TempDir, std::path::PathBuf, Recorded) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prod.json");
    let recorded = complete_run(&path, &running_statement("orders", "orders"));
    (folder, path, recorded)
}

/// Completes a run that appends `entries`. Returns the record that is found afterwards.
pub fn complete_run(path: &Path, entries: &[Entry]) -> Recorded {
    block_on(async {
        let (mut ledger, mut recorded) = begin_run(path, entries).await;
        entries.iter().for_each(|entry| recorded.apply(entry).unwrap());
        ledger.compact(&recorded).await.unwrap();
        ledger.load().await.unwrap().unwrap()
    })
}

/// Begins a run and appends `entries`. The run is interrupted when its ledger is dropped. Also returns the record
/// that it began on.
pub async fn begin_run(path: &Path, entries: &[Entry]) -> (LocalLedger, Recorded) {
    let mut ledger = LocalLedger::at(path);
    ledger.lock(&holder("apply"), Duration::from_secs(5)).await.unwrap();
    let recorded = ledger.load().await.unwrap().unwrap_or_else(empty_record);
    ledger.begin(&recorded).await.unwrap();
    ledger.append(entries).await.unwrap();
    (ledger, recorded)
}

/// Loads the record at `path`.
pub fn load(path: &Path) -> Result<Option<Recorded>, LedgerError> {
    block_on(LocalLedger::at(path).load())
}

/// Leaves an interrupted run behind. Returns the record that is found afterwards.
fn interrupt_run(path: &Path) -> Recorded {
    block_on(async { drop(begin_run(path, &[declare("sales", "sales")]).await) });
    load(path).unwrap().unwrap()
}

/// Asserts that a file cannot be read, and that reading, locking and beginning leave it unchanged. Returns the
/// message.
fn assert_damaged(path: &Path, file: &Path) -> String {
    let before = fs::read(file).unwrap();
    let error = load(path).unwrap_err();
    let mut ledger = LocalLedger::at(path);
    block_on(async {
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        assert_eq!(ledger.begin(&empty_record()).await, Err(error.clone()));
    });
    assert_eq!(fs::read(file).unwrap(), before);
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    error.to_string()
}

#[test]
fn an_interrupted_run_is_loaded_and_then_compacted() {
    let (_folder, path, before) = saved_state();
    let after = interrupt_run(&path);
    assert_eq!(after.serial, before.serial);
    assert!(after.statements.contains_key("sales"));
    let reader = LocalLedger::at(&path);
    assert_eq!(block_on(reader.interrupted_run()), Ok(Some(holder("apply"))));
    assert_eq!(block_on(reader.lock_holder()), Ok(None), "a leftover lock file must not count as a lock");
    let compacted = complete_run(&path, &[]);
    assert_eq!(compacted, Recorded { serial: before.serial + 2, ..after });
}

#[test]
fn an_idle_run_compacts_an_interrupted_one() {
    let (_folder, path, before) = saved_state();
    let after = interrupt_run(&path);
    let (journal, stale) = (path.with_extension("journal"), fs::read(path.with_extension("journal")).unwrap());
    let idle_run = || {
        block_on(async {
            let mut ledger = LocalLedger::at(&path);
            ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
            let recorded = ledger.load().await.unwrap().unwrap();
            ledger.compact_interrupted(&recorded).await.unwrap();
        });
        assert!(!journal.exists());
        load(&path).unwrap().unwrap()
    };
    let compacted = idle_run();
    assert_eq!(compacted, Recorded { serial: before.serial + 1, ..after });
    // A journal that was already compacted is only removed. After that there is nothing to write.
    fs::write(&journal, stale).unwrap();
    assert_eq!(idle_run(), compacted);
    assert_eq!(idle_run(), compacted);
    // Without a snapshot, no run is begun either.
    fs::remove_file(&path).unwrap();
    fs::write(&journal, "{").unwrap();
    block_on(async {
        let mut ledger = LocalLedger::at(&path);
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.compact_interrupted(&empty_record()).await.unwrap();
    });
    assert!(!journal.exists() && !path.exists());
}

#[test]
fn a_torn_last_line_is_dropped_and_any_other_bad_line_is_damage() {
    let (_folder, path, _) = saved_state();
    let journal = path.with_extension("journal");
    block_on(async {
        let (mut ledger, _) = begin_run(&path, &[declare("b", "b")]).await;
        ledger.append(&[declare("c", "c")]).await.unwrap();
    });
    let whole = fs::read(&journal).unwrap();
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1).collect();
    assert_eq!(ends.len(), 3, "the journal should have a first line and two groups");
    for cut in 0..=whole.len() {
        fs::write(&journal, &whole[..cut]).unwrap();
        let recorded = load(&path).unwrap().unwrap();
        let found = ["b", "c"].map(|key| recorded.statements.contains_key(key));
        assert_eq!(found, [cut >= ends[1], cut >= ends[2]], "cut after {cut} bytes");
    }
    // These pages never reached the disk.
    let mut holes = whole.clone();
    holes[ends[1] + 5..ends[1] + 40].fill(0);
    fs::write(&journal, &holes).unwrap();
    assert!(!load(&path).unwrap().unwrap().statements.contains_key("c"));

    for (at, line) in [(ends[0] - 5, 1), (ends[0] + 60, 2), (ends[1] + 60, 3)] {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(&journal, bad).unwrap();
        let message = assert_damaged(&path, &journal);
        assert!(message.contains(&format!("line {line}")) && message.contains("left unchanged"), "{message}");
    }
    // If a line is missing from the middle, the checksum of the next line shows it.
    let gap = [&whole[..ends[0]], &whole[ends[1]..]].concat();
    fs::write(&journal, gap).unwrap();
    assert!(assert_damaged(&path, &journal).contains("line 2: its checksum does not match"));
}

#[test]
fn a_flipped_bit_is_never_read_as_valid_data() {
    let (_folder, path, _) = saved_state();
    let journal = path.with_extension("journal");
    let names = ["b", "c", "d"];
    block_on(async {
        let (mut ledger, _) = begin_run(&path, &[]).await;
        for name in names {
            ledger.append(&[declare(name, name)]).await.unwrap();
        }
    });
    let whole = fs::read(&journal).unwrap();
    let intact = load(&path).unwrap().unwrap();
    for at in 0..whole.len() {
        let mut corrupted = whole.clone();
        corrupted[at] ^= 1 << (at % 8);
        fs::write(&journal, &corrupted).unwrap();
        match load(&path) {
            Err(LedgerError::Damaged { .. } | LedgerError::NewerFormat { .. }) => {}
            Err(other) => panic!("{other}"),
            // The end of the last line was damaged, so it looks like a line that a crash cut short.
            Ok(recorded) => {
                let statements = &recorded.unwrap().statements;
                assert!(at >= whole.len() - whole.split(|byte| *byte == b'\n').nth(3).unwrap().len() - 1, "at {at}");
                assert!(names[..2].iter().all(|name| statements[*name] == intact.statements[*name]), "at {at}");
                assert!(!statements.contains_key("d"), "at {at}");
            }
        }
    }
}

#[test]
fn an_invalid_state_file_is_left_untouched() {
    let (_folder, path, _) = saved_state();
    let whole = fs::read(&path).unwrap();
    let cut = &whole[..whole.len() / 2];
    let misspelled = String::from_utf8(whole.clone()).unwrap().replace("\"current\"", "\"curent\"");
    for (bytes, why) in [
        (&b""[..], "the file is empty"),
        (b"{}", "it has no `format`"),
        (b"[1]", "it has no `format`"),
        (b"{\"format\": 0}", "this floe cannot read format 0"),
        (b"{\"format\": 1}", "missing field `lineage` at line 1"),
        (misspelled.as_bytes(), "unknown field `curent`, expected one of"),
        (b"<<<<<<< HEAD\n{}", "it has conflict markers of an unresolved merge"),
        (cut, "EOF while parsing"),
    ] {
        fs::write(&path, bytes).unwrap();
        let message = assert_damaged(&path, &path);
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let (_folder, path, recorded) = saved_state();
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&path, &newer).unwrap();
    assert!(assert_damaged(&path, &path).contains("has format 2, but this floe reads only formats up to 1"));
    fs::write(&path, newer.replace("\"format\": 2", "\"format\": 1")).unwrap();
    assert_eq!(load(&path), Ok(Some(recorded)));
}

#[test]
fn a_journal_on_an_older_snapshot_is_ignored_and_removed() {
    let (_folder, path, _) = saved_state();
    interrupt_run(&path);
    let journal = path.with_extension("journal");
    let old = fs::read(&journal).unwrap();
    let compacted = complete_run(&path, &[]);
    // The old journal no longer matters, even if it is damaged.
    let line = old.iter().position(|byte| *byte == b'\n').unwrap();
    let corrupted = old.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == line + 40)).collect::<Vec<_>>();
    fs::write(&journal, corrupted).unwrap();
    assert_eq!(load(&path), Ok(Some(compacted.clone())));
    fs::write(&journal, old).unwrap();
    assert_eq!(load(&path), Ok(Some(compacted.clone())));
    assert_eq!(block_on(LocalLedger::at(&path).interrupted_run()), Ok(None));
    assert_eq!(complete_run(&path, &[]), Recorded { serial: compacted.serial + 1, ..compacted });
    assert!(!journal.exists());
}

#[test]
fn an_orphaned_journal_is_not_discarded() {
    let (_folder, path, _) = saved_state();
    let old = fs::read(&path).unwrap();
    complete_run(&path, &[]);
    interrupt_run(&path);
    let journal = path.with_extension("journal");
    fs::write(&path, old).unwrap();
    let message = assert_damaged(&path, &journal);
    assert!(message.contains("interrupted run on serial 3") && message.contains("has serial 2"), "{message}");
    fs::remove_file(&path).unwrap();
    assert!(assert_damaged(&path, &journal).contains("prod.json is missing. Restore that snapshot"));
}

#[test]
fn a_run_begins_only_on_the_current_state() {
    let (_folder, path, read_before) = saved_state();
    let now = complete_run(&path, &[declare("b", "b")]);
    let begin = |recorded: Recorded| {
        let mut ledger = LocalLedger::at(&path);
        block_on(async {
            ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
            let first = ledger.begin(&recorded).await;
            // Nothing was written, so the same run may continue with the current state.
            assert_eq!(ledger.begin(&now).await, Ok(()));
            first.unwrap_err().to_string()
        })
    };
    assert!(begin(read_before.clone()).contains("nothing was written: its serial is 3, not 2"));
    assert!(begin(empty_record()).contains("its serial is 3, not 0"));
    assert!(begin(Recorded { lineage: "other".to_owned(), ..now.clone() }).contains("lineage-1, not other"));
    fs::remove_file(&path).unwrap();
    fs::remove_file(path.with_extension("journal")).unwrap();
    let mut ledger = LocalLedger::at(&path);
    block_on(async {
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        assert!(ledger.begin(&read_before).await.unwrap_err().to_string().contains("it no longer exists"));
    });
}

#[test]
fn an_inconsistent_entry_is_never_written() {
    let (_folder, path, _) = saved_state();
    let journal = path.with_extension("journal");
    block_on(async {
        let (mut ledger, recorded) = begin_run(&path, &[declare("b", "b")]).await;
        let before = fs::read(&journal).unwrap();
        let error = ledger.append(&[declare("c", "c"), settle_applied("9", "")]).await.unwrap_err();
        assert!(error.to_string().contains("no intent with this id is open"), "{error}");
        assert_eq!(ledger.append(&[declare("d", "d")]).await, Err(error));
        assert_eq!(fs::read(&journal).unwrap(), before);
        drop(ledger);
        let (mut ledger, _) = begin_run(&path, &[declare("c", "c")]).await;
        let error = ledger.compact(&recorded).await.unwrap_err();
        assert!(error.to_string().contains("differs from the one that the entries produce"), "{error}");
    });
    assert!(load(&path).unwrap().unwrap().statements.contains_key("c"));
}

#[test]
fn ledger_calls_out_of_order_are_refused() {
    let (_folder, path, recorded) = saved_state();
    for step in 0..3 {
        let mut ledger = LocalLedger::at(&path);
        let error = block_on(async {
            match step {
                0 => ledger.begin(&recorded).await,
                1 => ledger.append(&[declare("b", "b")]).await,
                _ => ledger.compact(&recorded).await,
            }
        });
        assert!(matches!(error, Err(LedgerError::Inconsistent { .. })), "{error:?}");
    }
    assert_eq!(load(&path), Ok(Some(recorded)));
}

#[test]
fn concurrent_readers_always_see_a_whole_record() {
    let (_folder, path, first) = saved_state();
    let stop = Arc::new(AtomicBool::new(false));
    let reading = {
        let (path, stop) = (path.clone(), Arc::clone(&stop));
        thread::spawn(move || {
            let (mut reads, mut seen) = (0, (first.serial, 0));
            while !stop.load(Ordering::Relaxed) {
                let recorded = load(&path).unwrap().unwrap();
                // Declared statements stay, so a reader that goes back in time would count fewer.
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
            block_on(async { drop(begin_run(&path, &[declare(&key(0), &key(0))]).await) });
        } else {
            complete_run(&path, &[declare(&key(0), &key(0)), declare(&key(1), &key(1))]);
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 0);
    assert_eq!(load(&path).unwrap().unwrap().statements.len(), 1 + 20 * 2 + 5);
}

#[test]
fn a_snapshot_is_sorted_pretty_printed_and_ends_with_a_newline() {
    let (_folder, path, _) = saved_state();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\n  \"environment\": {\n    \"cloud\": \"aws\","), "{text}");
    assert!(text.ends_with("\n}\n"));
    let top: Vec<_> = text.lines().filter(|line| line.starts_with("  \"")).map(|line| line.trim()).collect();
    assert!(top.is_sorted(), "{top:?}");
}

#[test]
fn an_older_format_is_migrated_and_backed_up_on_the_first_write() {
    fn migrate(json: &mut serde_json::Value) -> Result<(), String> {
        let json = json.as_object_mut().ok_or("it is not an object")?;
        let lineage = json.remove("family").ok_or("it has no `family`")?;
        json.insert("lineage".to_owned(), lineage);
        Ok(())
    }
    let (folder, path, recorded) = saved_state();
    let older = fs::read_to_string(&path).unwrap().replace("\"lineage\"", "\"family\"");
    fs::write(&path, &older).unwrap();
    let ledger = || LocalLedger::at(&path).with_formats(2, &[migrate]);
    let migrated = Recorded { format: 2, ..recorded.clone() };
    assert_eq!(block_on(ledger().load()), Ok(Some(migrated.clone())));
    assert_eq!(fs::read_to_string(&path).unwrap(), older, "reading must not migrate the file");
    block_on(async {
        let mut ledger = ledger();
        ledger.lock(&holder("apply"), Duration::ZERO).await.unwrap();
        ledger.begin(&migrated).await.unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("prod.json.format-1")).unwrap(), older);
        ledger.append(&[declare("b", "b")]).await.unwrap();
    });
    let found = block_on(ledger().load()).unwrap().unwrap();
    assert_eq!((found.format, found.serial), (2, recorded.serial + 1));
    assert!(found.statements.contains_key("b"));
    assert!(matches!(load(&path), Err(LedgerError::NewerFormat { found: 2, known: 1, .. })));
    fs::write(&path, older.replace("\"family\"", "\"clan\"")).unwrap();
    assert!(block_on(ledger().load()).unwrap_err().to_string().contains("it has no `family`"));
}

#[test]
fn the_cost_of_an_append_depends_only_on_the_entry() {
    let (_folder, path, _) = saved_state();
    let many: Vec<Entry> = (0..500).map(|n| declare(&format!("s{n}"), &format!("s{n}"))).collect();
    complete_run(&path, &many);
    block_on(async {
        let (mut ledger, _) = begin_run(&path, &[]).await;
        let journal = path.with_extension("journal");
        let mut before = fs::metadata(&journal).unwrap().len();
        for n in 100..120 {
            ledger.append(&[declare(&format!("t{n}"), &format!("t{n}"))]).await.unwrap();
            let now = fs::metadata(&journal).unwrap().len();
            assert!((200..1000).contains(&(now - before)), "{} bytes", now - before);
            before = now;
        }
    });
}

#[test]
fn conflict_markers_in_a_state_are_called_so() {
    let (_folder, path, _) = saved_state();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen('{', "{\n<<<<<<< HEAD\n", 1)).unwrap();
    let said = load(&path).unwrap_err().to_string();
    assert!(said.contains("it has conflict markers of an unresolved merge"), "{said}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use crate::state::{Disk, RealDisk};

    use super::*;

    #[test]
    fn state_files_are_readable_by_their_owner_only() {
        let (folder, path, _) = saved_state();
        interrupt_run(&path);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        }
    }

    /// The endings of the files of a state, each after the name `prod`.
    const FILES: [&str; 5] = ["json", "journal", "lock", "plans", "json.next"];

    #[test]
    fn no_file_of_a_state_may_be_a_symbolic_link() {
        for ending in FILES {
            for target in ["elsewhere/target", "elsewhere/missing"] {
                let (folder, path, _) = saved_state();
                fs::create_dir(folder.path().join("elsewhere")).unwrap();
                fs::write(folder.path().join("elsewhere/target"), "precious").unwrap();
                let link = folder.path().join(format!("prod.{ending}"));
                drop(fs::remove_file(&link));
                symlink(target, &link).unwrap();
                let said = load(&path).unwrap_err().to_string();
                assert!(said.contains(&format!("prod.{ending} is a symbolic link to {target}")), "{said}");
                let mut ledger = LocalLedger::at(&path);
                assert!(block_on(ledger.lock(&holder("apply"), Duration::ZERO)).is_err(), "{ending}");
                assert_eq!(fs::read(folder.path().join("elsewhere/target")).unwrap(), b"precious", "{ending}");
                assert!(!folder.path().join("elsewhere/missing").exists(), "{ending}");
            }
        }
    }

    #[test]
    fn a_disk_neither_follows_a_link_nor_waits_for_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link, pipe] = ["target", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let cases = [
            (&link, "it is a symbolic link, which floe does not follow"),
            (&pipe, "it is not a regular file"),
            (&folder.path().to_owned(), ""),
        ];
        for (path, why) in cases {
            for error in [
                RealDisk.read(path).unwrap_err(),
                RealDisk.lock(path, b"{}").map(drop).unwrap_err(),
                RealDisk.is_locked(path).unwrap_err(),
                RealDisk.create_new(path).map(drop).unwrap_err(),
            ] {
                assert!(
                    error.to_string().contains(why) || error.kind() == std::io::ErrorKind::AlreadyExists,
                    "{error}"
                );
            }
        }
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert_eq!(RealDisk.read(Path::new("/dev/null")).unwrap_err().to_string(), "it is not a regular file");
    }

    #[test]
    fn a_pipe_as_a_file_of_a_state_is_refused_at_once() {
        for ending in ["json", "journal", "lock"] {
            let (folder, path, _) = saved_state();
            let pipe = folder.path().join(format!("prod.{ending}"));
            drop(fs::remove_file(&pipe));
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let mut ledger = LocalLedger::at(&path);
            let outcome = block_on(async {
                ledger.load().await?;
                ledger.lock_holder().await?;
                ledger.lock(&holder("apply"), Duration::ZERO).await
            });
            let said = outcome.unwrap_err().to_string();
            assert!(said.contains("it is not a regular file"), "{ending}: {said}");
        }
    }

    #[test]
    fn a_moved_or_removed_journal_ends_the_run() {
        let disturbances: [fn(&Path); 4] = [
            |folder| fs::remove_dir_all(folder).unwrap(),
            |folder| fs::rename(folder, folder.with_extension("away")).unwrap(),
            |folder| fs::remove_file(folder.join("prod.journal")).unwrap(),
            |folder| {
                fs::write(folder.join("other"), "").unwrap();
                fs::rename(folder.join("other"), folder.join("prod.journal")).unwrap();
            },
        ];
        for (happens, appends) in disturbances.into_iter().flat_map(|one| [(one, true), (one, false)]) {
            let above = tempfile::tempdir().unwrap();
            let folder = above.path().join("state");
            block_on(async {
                let (mut ledger, recorded) = begin_run(&folder.join("prod.json"), &[declare("a", "a")]).await;
                happens(&folder);
                let error = match appends {
                    true => ledger.append(&[declare("b", "b")]).await.unwrap_err(),
                    false => ledger.compact(&recorded).await.unwrap_err(),
                };
                let (message, entries) = (error.to_string(), if appends { "2 entries" } else { "1 entries" });
                assert!(message.contains("prod.journal: it is gone") && message.contains(entries), "{message}");
                assert_eq!(
                    ledger.append(&[declare("c", "c")]).await,
                    Err(error),
                    "the ledger must not continue after an error"
                );
            });
        }
    }

    #[test]
    fn an_unwritable_state_is_reported_before_anything_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state"), "a file where the folder should be").unwrap();
        let mut ledger = LocalLedger::at(folder.path().join("state/prod.json"));
        let error = block_on(ledger.lock(&holder("apply"), Duration::ZERO)).unwrap_err();
        assert!(matches!(error, LedgerError::Disk { .. }), "{error}");
        fs::create_dir_all(folder.path().join("other/prod.json")).unwrap();
        let message = load(&folder.path().join("other/prod.json")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read") && message.contains("prod.json"), "{message}");
    }
}
