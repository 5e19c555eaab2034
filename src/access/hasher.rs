//! Password hashes. Computing one takes 19 MiB of memory.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use super::users::{check_password, random};
use crate::error::{Error, Result};

/// The longest hash that is compared.
const LONGEST_HASH: usize = 64;

/// The hash of a password that is allowed, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HashedPassword(pub(super) String);

/// Computes password hashes in one buffer, which it keeps. (A buffer that is allocated and freed for each
/// hash ends up in the allocator's arenas, one after the other.)
#[derive(Default)]
pub(crate) struct PasswordChecker {
    blocks: Vec<Block>,
}

impl PasswordChecker {
    /// To be called when no more hashes are expected for some time. The next one takes memory again.
    pub(crate) fn give_back_memory(&mut self) {
        self.blocks = Vec::new();
    }

    /// Whether the password has this hash. It takes some tens of milliseconds on purpose.
    pub(super) fn fits(&mut self, password: &[u8], hash: &PasswordHash) -> bool {
        self.check(password, hash).unwrap_or(false)
    }

    /// The hash of a new password, with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Setting`] if the password is not allowed.
    pub(crate) fn hash(&mut self, password: &str) -> Result<HashedPassword> {
        check_password(password)?;
        let (params, salt) = (Params::default(), random::<16>()?);
        let mut computed = [0; Params::DEFAULT_OUTPUT_LEN];
        let refused = |reason: String| Error::setting("password", reason);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::default(), params.clone());
        let blocks = self.blocks(&params);
        argon2
            .hash_password_into_with_memory(password.as_bytes(), &salt, &mut computed, blocks)
            .map_err(|error| refused(error.to_string()))?;
        let hash = phc(&params, &salt, &computed).map_err(|error| refused(error.to_string()))?;
        Ok(HashedPassword(hash.to_string()))
    }

    /// `None` if the hash is none that can be computed.
    fn check(&mut self, password: &[u8], hash: &PasswordHash) -> Option<bool> {
        let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let params = Params::try_from(hash).ok()?;
        let blocks = self.blocks(&params);
        let mut computed = [0; LONGEST_HASH];
        let computed = computed.get_mut(..expected.len())?;
        let argon2 = Argon2::new(algorithm, version, params);
        argon2.hash_password_into_with_memory(password, salt, computed, blocks).ok()?;
        Some(bool::from(computed.ct_eq(expected.as_ref())))
    }
    /// The memory for a hash of these costs.
    fn blocks(&mut self, params: &Params) -> &mut [Block] {
        // Longer if it is the first hash, or one with greater costs.
        if self.blocks.len() < params.block_count() {
            self.blocks.resize(params.block_count(), Block::default());
        }
        &mut self.blocks[..params.block_count()]
    }
}

fn phc(params: &Params, salt: &[u8], computed: &[u8]) -> argon2::password_hash::Result<PasswordHash> {
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(computed)?),
    })
}
