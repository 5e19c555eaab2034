//! The users file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use longwave::{Error, Role, Users};

#[test]
fn a_users_file_is_read_back_and_only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    assert!(Users::read(&file).unwrap().is_empty());
    let mut users = Users::default();
    users.add("jóga", Role::Viewer, "correct horse").unwrap();
    let token = users.add_token("queue-manager", Role::Admin).unwrap();
    users.write(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&token) && !text.contains("correct horse"), "{text}");
    assert!(text.contains("\njóga:viewer:$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");

    let read = Users::read(&file).unwrap();
    assert_eq!(read, users);
    assert_eq!(read.verify("jóga", "correct horse"), Some(Role::Viewer));
    assert_eq!(read.verify("jóga", "wrong horse"), None);
    assert_eq!(read.verify("nobody", "correct horse"), None);
    assert_eq!(read.verify("queue-manager", &token), None, "a token is no password");
    assert_eq!(read.with_token(&token), Some(("queue-manager", Role::Admin)));
    assert_eq!(read.with_token(&token[..token.len() - 1]), None);
    let listed: Vec<_> = read.list().collect();
    assert_eq!(listed, [("jóga", Role::Viewer, false), ("queue-manager", Role::Admin, true)]);
}

#[test]
fn users_are_changed_by_name() {
    let mut users = Users::default();
    users.add("a", Role::Admin, "password 1").unwrap();
    assert!(matches!(users.add("a", Role::Admin, "password 2"), Err(Error::Exists(_))));
    users.set_password("a", "password 3").unwrap();
    assert_eq!((users.verify("a", "password 1"), users.verify("a", "password 3")), (None, Some(Role::Admin)));
    assert!(matches!(users.set_password("b", "password 4"), Err(Error::NotFound(_))));
    users.remove("a").unwrap();
    assert!(matches!(users.remove("a"), Err(Error::NotFound(_))));
    for (name, password) in [("", "password"), ("a:b", "password"), ("a\nb", "password"), ("a", "short")] {
        assert!(matches!(users.add(name, Role::Admin, password), Err(Error::Setting { .. })), "{name:?}");
    }
}

#[test]
fn what_each_writer_was_told_is_written_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let file = &file;
            scope.spawn(move || {
                for n in 0..5 {
                    let name = format!("token-{writer}-{n}");
                    Users::update(file, |users| users.add_token(&name, Role::Viewer)).unwrap();
                }
            });
        }
    });
    assert_eq!(Users::read(&file).unwrap().list().count(), 40);
    // A change that fails writes nothing.
    let before = fs::read_to_string(&file).unwrap();
    let failed = Users::update(&file, |users| {
        users.remove("token-0-0")?;
        users.remove("nobody")
    });
    assert!(matches!(failed, Err(Error::NotFound(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}
