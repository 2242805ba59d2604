//! SQL of people and credentials.

use rusqlite::{OptionalExtension, Row, params};

use super::credential::Listed;
use super::model::{Cidrs, Credential, CredentialKind, SignInFacts, SignedInAs, User};
use crate::db::{DbError, Reader, WriteTx};
use crate::policy::PrincipalId;
use crate::types::{Email, Id, Timestamp, kinds};

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        instance_operator: row.get(3)?,
        created_at: row.get(4)?,
        disabled_at: row.get(5)?,
        email_verified_at: row.get(6)?,
    })
}

const USER: &str = "SELECT id, email, name, instance_operator, created_at, disabled_at, email_verified_at
    FROM users";

/// Adds a person.
pub(crate) fn user_insert(tx: &WriteTx<'_>, user: &User, password_hash: Option<&str>) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO users (id, email, email_canonical, name, password_hash, instance_operator, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            user.id,
            user.email,
            user.email.canonical(),
            user.name,
            password_hash,
            user.instance_operator,
            user.created_at
        ])?;
    Ok(())
}

/// The person with this id.
pub(crate) fn user_get(reader: &Reader<'_>, id: Id<kinds::User>) -> Result<Option<User>, DbError> {
    Ok(reader.sql().prepare_cached(&format!("{USER} WHERE id = ?1"))?.query_row([id], user).optional()?)
}

/// The person with this address, in any spelling.
pub(crate) fn user_by_email(reader: &Reader<'_>, email: &Email) -> Result<Option<User>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{USER} WHERE email_canonical = ?1"))?;
    Ok(statement.query_row([email.canonical()], user).optional()?)
}

/// People of the whole instance by address, after `after`, whose address or name holds `search` in small letters: each
/// with how many organizations they are in.
pub(crate) fn user_list(
    reader: &Reader<'_>,
    search: &str,
    after: &str,
    rows: usize,
) -> Result<Vec<(User, usize)>, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT id, email, name, instance_operator, created_at, disabled_at, email_verified_at,
            (SELECT count(*) FROM members m JOIN organizations o ON o.id = m.organization_id AND o.deletion_id IS NULL
             WHERE m.user_id = users.id)
         FROM users WHERE email_canonical > ?1 AND (instr(email_canonical, ?2) > 0 OR instr(lower(name), ?2) > 0)
         ORDER BY email_canonical LIMIT ?3",
    )?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![after, search, rows], |row| {
        Ok((user(row)?, usize::try_from(row.get::<_, i64>(7)?).unwrap_or_default()))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Changes how a person is called.
pub(crate) fn user_rename(tx: &WriteTx<'_>, id: Id<kinds::User>, name: &str) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE users SET name = ?2 WHERE id = ?1")?.execute(params![id, name])?;
    Ok(())
}

/// Gives a person another address, and says whether a mail showed that it is theirs.
pub(crate) fn user_email_set(
    tx: &WriteTx<'_>,
    id: Id<kinds::User>,
    email: &Email,
    verified_at: Option<Timestamp>,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE users SET email = ?2, email_canonical = ?3, email_verified_at = ?4 WHERE id = ?1")?
        .execute(params![id, email, email.canonical(), verified_at])?;
    Ok(())
}

/// Notes that a mail showed that a person's address is theirs.
pub(crate) fn user_email_verified(tx: &WriteTx<'_>, id: Id<kinds::User>, now: Timestamp) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE users SET email_verified_at = ?2 WHERE id = ?1")?.execute(params![id, now])?;
    Ok(())
}

/// The stored hash of a person's password.
pub(crate) fn password_hash(reader: &Reader<'_>, id: Id<kinds::User>) -> Result<Option<String>, DbError> {
    let mut statement = reader.sql().prepare_cached("SELECT password_hash FROM users WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?.flatten())
}

const CREDENTIAL: &str = "SELECT id, public_id, organization_id, kind, owner_kind, owner_id, name, created_at,
    expires_at, revoked_at, cidrs, stepped_up_until, hash, token_until FROM credentials";

fn credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    let broken = |index| rusqlite::Error::InvalidColumnType(index, "credential".into(), rusqlite::types::Type::Text);
    let kind: String = row.get(3)?;
    let owner_kind: String = row.get(4)?;
    let owner =
        if owner_kind == "user" { PrincipalId::User(row.get(5)?) } else { PrincipalId::ServiceAccount(row.get(5)?) };
    let cidrs: Option<String> = row.get(10)?;
    let cidrs = cidrs.map_or(Ok(Cidrs::default()), |text| Cidrs::parse(&text.split(',').collect::<Vec<_>>()));
    Ok(Credential {
        id: row.get(0)?,
        public_id: row.get(1)?,
        organization: row.get(2)?,
        kind: CredentialKind::parse(&kind).ok_or_else(|| broken(3))?,
        owner,
        name: row.get(6)?,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
        revoked_at: row.get(9)?,
        cidrs: cidrs.map_err(|_| broken(10))?,
        stepped_up_until: row.get(11)?,
        token_until: row.get(13)?,
    })
}

/// The words a principal is stored as.
pub(crate) fn principal_columns(principal: &PrincipalId) -> (&'static str, &[u8]) {
    match principal {
        PrincipalId::User(id) => ("user", id.as_bytes()),
        PrincipalId::ServiceAccount(id) => ("service_account", id.as_bytes()),
    }
}

/// Adds a credential with the keyed hash of its token.
pub(crate) fn credential_insert(tx: &WriteTx<'_>, c: &Credential, hash: &[u8]) -> Result<(), DbError> {
    let (owner_kind, owner_id) = principal_columns(&c.owner);
    let cidrs = (!c.cidrs.is_anywhere()).then(|| c.cidrs.to_texts().join(","));
    tx.sql()
        .prepare_cached(
            "INSERT INTO credentials (id, public_id, organization_id, kind, owner_kind, owner_id, name, hash,
                created_at, expires_at, cidrs, stepped_up_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            c.id,
            c.public_id,
            c.organization,
            c.kind.as_str(),
            owner_kind,
            owner_id,
            c.name,
            hash,
            c.created_at,
            c.expires_at,
            cidrs,
            c.stepped_up_until
        ])?;
    Ok(())
}

/// The credential with this public part, and the keyed hash of its token.
pub(crate) fn credential_by_public_id(
    reader: &Reader<'_>,
    public_id: &str,
) -> Result<Option<(Credential, Vec<u8>)>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{CREDENTIAL} WHERE public_id = ?1"))?;
    Ok(statement.query_row([public_id], |row| Ok((credential(row)?, row.get(12)?))).optional()?)
}

/// The credential with this id.
pub(crate) fn credential_get(reader: &Reader<'_>, id: Id<kinds::Credential>) -> Result<Option<Credential>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!("{CREDENTIAL} WHERE id = ?1"))?;
    Ok(statement.query_row([id], credential).optional()?)
}

/// A principal's credentials in an organization, newest first, with when and where each was last used; sessions of
/// browsers are no tokens.
pub(crate) fn credential_list(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    owner: &PrincipalId,
    before: Option<Id<kinds::Credential>>,
    rows: usize,
) -> Result<Vec<Listed>, DbError> {
    let (kind, id) = principal_columns(owner);
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT c.*, u.used_at, u.address FROM ({CREDENTIAL}) c LEFT JOIN credential_uses u ON u.credential_id = c.id
         WHERE c.organization_id = ?1 AND c.owner_kind = ?2 AND c.owner_id = ?3 AND (?4 IS NULL OR c.id < ?4)
           AND c.kind <> 'ses'
         ORDER BY c.id DESC LIMIT ?5"
    ))?;
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let found = statement.query_map(params![organization, kind, id, before, rows], |row| {
        let used: Option<Timestamp> = row.get(14)?;
        let address: Option<String> = row.get(15)?;
        Ok((credential(row)?, used.zip(address)))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// How many credentials of a principal in an organization are not void.
pub(crate) fn credential_count(
    reader: &Reader<'_>,
    organization: Id<kinds::Organization>,
    owner: &PrincipalId,
) -> Result<usize, DbError> {
    let (kind, id) = principal_columns(owner);
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*) FROM credentials
         WHERE organization_id = ?1 AND owner_kind = ?2 AND owner_id = ?3 AND revoked_at IS NULL",
    )?;
    let count: i64 = statement.query_row(params![organization, kind, id], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// When and from where a credential was last used.
pub(crate) fn credential_use(
    reader: &Reader<'_>,
    id: Id<kinds::Credential>,
) -> Result<Option<(Timestamp, String)>, DbError> {
    let mut statement =
        reader.sql().prepare_cached("SELECT used_at, address FROM credential_uses WHERE credential_id = ?1")?;
    Ok(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// Makes a credential's token work until then only.
pub(crate) fn credential_token_until(
    tx: &WriteTx<'_>,
    id: Id<kinds::Credential>,
    until: Timestamp,
) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE credentials SET token_until = ?2 WHERE id = ?1")?.execute(params![id, until])?;
    Ok(())
}

/// Gives a credential another token, which works until then.
pub(crate) fn credential_token_replace(
    tx: &WriteTx<'_>,
    id: Id<kinds::Credential>,
    public_id: &str,
    hash: &[u8],
    until: Timestamp,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE credentials SET public_id = ?2, hash = ?3, token_until = ?4 WHERE id = ?1")?
        .execute(params![id, public_id, hash, until])?;
    Ok(())
}

/// Voids a credential; false when it was void already.
pub(crate) fn credential_revoke(tx: &WriteTx<'_>, id: Id<kinds::Credential>, now: Timestamp) -> Result<bool, DbError> {
    let mut statement =
        tx.sql().prepare_cached("UPDATE credentials SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?;
    Ok(statement.execute(params![id, now])? > 0)
}

/// Voids every credential of a principal in an organization; how many it were.
pub(crate) fn credential_revoke_all(
    tx: &WriteTx<'_>,
    organization: Id<kinds::Organization>,
    owner: &PrincipalId,
    now: Timestamp,
) -> Result<usize, DbError> {
    let (kind, id) = principal_columns(owner);
    let mut statement = tx.sql().prepare_cached(
        "UPDATE credentials SET revoked_at = ?4
         WHERE organization_id = ?1 AND owner_kind = ?2 AND owner_id = ?3 AND revoked_at IS NULL",
    )?;
    Ok(statement.execute(params![organization, kind, id, now])?)
}

/// Voids credentials whose time is over, at most `rows` of them; how many it were.
pub(crate) fn credential_expire(tx: &WriteTx<'_>, now: Timestamp, rows: u32) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE credentials SET revoked_at = ?1 WHERE id IN
         (SELECT id FROM credentials WHERE revoked_at IS NULL AND expires_at <= ?1 LIMIT ?2)",
    )?;
    Ok(statement.execute(params![now, rows])?)
}

/// Notes when and from where a credential was used.
pub(crate) fn credential_used(
    tx: &WriteTx<'_>,
    id: Id<kinds::Credential>,
    at: Timestamp,
    address: &str,
) -> Result<(), DbError> {
    let mut statement = tx.sql().prepare_cached(
        "INSERT INTO credential_uses (credential_id, used_at, address) VALUES (?1, ?2, ?3)
         ON CONFLICT (credential_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address",
    )?;
    statement.execute(params![id, at, address])?;
    Ok(())
}

/// Lets a person sign in again.
pub(crate) fn user_enable(tx: &WriteTx<'_>, id: Id<kinds::User>) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE users SET disabled_at = NULL WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Lets a person sign in no more.
pub(crate) fn user_disable(tx: &WriteTx<'_>, id: Id<kinds::User>, now: Timestamp) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE users SET disabled_at = ?2 WHERE id = ?1")?.execute(params![id, now])?;
    Ok(())
}

/// Replaces a person's own password.
pub(crate) fn password_set(tx: &WriteTx<'_>, id: Id<kinds::User>, hash: &str) -> Result<(), DbError> {
    tx.sql().prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?.execute(params![id, hash])?;
    Ok(())
}

/// Notes where and how a person signed in.
pub(crate) fn sign_in_insert(
    tx: &WriteTx<'_>,
    credential: Id<kinds::Credential>,
    user: Id<kinds::User>,
    facts: &SignInFacts,
) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached(
            "INSERT INTO sign_ins (credential_id, user_id, device, address, everywhere, factor)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![credential, user, facts.device, facts.address, facts.everywhere, facts.factor])?;
    Ok(())
}

/// Where and how the sign-in behind a credential was made; none when it came of none.
pub(crate) fn sign_in_get(
    reader: &Reader<'_>,
    credential: Id<kinds::Credential>,
) -> Result<Option<SignInFacts>, DbError> {
    let mut statement = reader
        .sql()
        .prepare_cached("SELECT device, address, everywhere, factor FROM sign_ins WHERE credential_id = ?1")?;
    let facts = |row: &Row<'_>| {
        Ok(SignInFacts { device: row.get(0)?, address: row.get(1)?, everywhere: row.get(2)?, factor: row.get(3)? })
    };
    Ok(statement.query_row([credential], facts).optional()?)
}

/// A person's sign-ins that stand, newest first, at most `rows`: of one organization, or of all.
pub(crate) fn sign_in_list(
    reader: &Reader<'_>,
    user: Id<kinds::User>,
    organization: Option<Id<kinds::Organization>>,
    now: Timestamp,
    rows: u32,
) -> Result<Vec<SignedInAs>, DbError> {
    let mut statement = reader.sql().prepare_cached(&format!(
        "SELECT c.*, u.used_at, u.address, s.device, s.address, s.everywhere, s.factor
         FROM sign_ins s JOIN ({CREDENTIAL}) c ON c.id = s.credential_id
         LEFT JOIN credential_uses u ON u.credential_id = c.id
         WHERE s.user_id = ?1 AND (?2 IS NULL OR c.organization_id = ?2) AND c.revoked_at IS NULL
           AND (c.expires_at IS NULL OR c.expires_at > ?3)
         ORDER BY c.id DESC LIMIT ?4"
    ))?;
    let found = statement.query_map(params![user, organization, now, rows], |row| {
        let (used, from): (Option<Timestamp>, Option<String>) = (row.get(14)?, row.get(15)?);
        let facts =
            SignInFacts { device: row.get(16)?, address: row.get(17)?, everywhere: row.get(18)?, factor: row.get(19)? };
        Ok(SignedInAs { credential: credential(row)?, facts, last_use: used.zip(from) })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Voids a person's sign-ins but `spared`, of one organization or of all; how many it were.
pub(crate) fn sign_in_end_all(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    organization: Option<Id<kinds::Organization>>,
    spared: Option<Id<kinds::Credential>>,
    now: Timestamp,
) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE credentials SET revoked_at = ?4 WHERE revoked_at IS NULL AND (?2 IS NULL OR organization_id = ?2)
         AND id IN (SELECT credential_id FROM sign_ins WHERE user_id = ?1) AND (?3 IS NULL OR id <> ?3)",
    )?;
    Ok(statement.execute(params![user, organization, spared, now])?)
}

/// Forgets where and how people signed in whose credential is void since before `until`, at most `rows`.
pub(crate) fn sign_in_forget(tx: &WriteTx<'_>, until: Timestamp, rows: u32) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "DELETE FROM sign_ins WHERE credential_id IN
         (SELECT c.id FROM sign_ins s JOIN credentials c ON c.id = s.credential_id WHERE c.revoked_at < ?1 LIMIT ?2)",
    )?;
    Ok(statement.execute(params![until, rows])?)
}

/// How many credentials of a person are not void, in every organization.
pub(crate) fn credential_count_person(reader: &Reader<'_>, user: Id<kinds::User>) -> Result<usize, DbError> {
    let mut statement = reader.sql().prepare_cached(
        "SELECT count(*) FROM credentials WHERE owner_id = ?1 AND owner_kind = 'user' AND revoked_at IS NULL",
    )?;
    let count: i64 = statement.query_row([user], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Voids every credential of a person, in every organization; how many it were.
pub(crate) fn credential_revoke_person(
    tx: &WriteTx<'_>,
    user: Id<kinds::User>,
    now: Timestamp,
) -> Result<usize, DbError> {
    let mut statement = tx.sql().prepare_cached(
        "UPDATE credentials SET revoked_at = ?2 WHERE owner_id = ?1 AND owner_kind = 'user' AND revoked_at IS NULL",
    )?;
    Ok(statement.execute(params![user, now])?)
}

/// Makes a credential count as freshly signed in until then.
pub(crate) fn credential_step_up(tx: &WriteTx<'_>, id: Id<kinds::Credential>, until: Timestamp) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE credentials SET stepped_up_until = ?2 WHERE id = ?1")?
        .execute(params![id, until])?;
    Ok(())
}

/// Notes by which second factor a sign-in was proven.
pub(crate) fn sign_in_factor(tx: &WriteTx<'_>, id: Id<kinds::Credential>, factor: &str) -> Result<(), DbError> {
    tx.sql()
        .prepare_cached("UPDATE sign_ins SET factor = ?2 WHERE credential_id = ?1")?
        .execute(params![id, factor])?;
    Ok(())
}
