-- Ids are ordered by their bytes, which is the order of their times, whatever language the database is in: some sort z before t,
-- or ch after h.

-- One row: by what the database knows the key again that its secrets are sealed with, which it does not have.
CREATE TABLE installation (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  key_mark bytea NOT NULL
);

-- People. The address is a claim until email_verified_at; it is null once somebody else has proved that it is theirs.
CREATE TABLE users (
  id                text COLLATE "C" PRIMARY KEY,
  name              text NOT NULL,
  email             text,
  email_verified_at timestamptz,
  two_factor        text NOT NULL DEFAULT 'DISABLED' CHECK (two_factor IN ('DISABLED', 'INSECURE', 'SECURE')),
  issuer            text, -- of the provider that named who had no account; null for who has signed up
  frozen_since      timestamptz, -- its owner said "this was not me": nothing opens it, and its protection goes back to that moment
  frozen_email      text CHECK (frozen_email IS NULL OR frozen_since IS NOT NULL), -- and its address to this one, as soon as it is free
  key_handle        bytea NOT NULL UNIQUE DEFAULT uuid_send(gen_random_uuid()), -- what security keys know the account by
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE INDEX users_unmailable ON users (id) WHERE email IS NULL;

-- Secrets have rows of their own, so that no query for a user can ever return them.
CREATE TABLE credentials (
  user_id       text COLLATE "C" PRIMARY KEY REFERENCES users,
  password_hash text NOT NULL,
  set_by_mail   boolean NOT NULL DEFAULT false, -- it proves no more than the mailbox, until a second factor was proved with it
  changed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The one living link of an account for each purpose, for one address. Its token is derived from the nonce with a key that
-- the database does not have.
CREATE TABLE account_links (
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  purpose    text NOT NULL CHECK (purpose IN ('RESET', 'VERIFY', 'CHANGE')),
  email      text NOT NULL,
  nonce      bytea NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, purpose)
);

CREATE TABLE authenticators (
  id           text COLLATE "C" PRIMARY KEY,
  user_id      text COLLATE "C" NOT NULL REFERENCES users,
  kind         text NOT NULL CHECK (kind IN ('TOTP', 'PHONE', 'SECURITY_KEY')),
  name         text NOT NULL,
  session_id   text COLLATE "C", -- the session that started the set-up, while it is unconfirmed
  replaces_id  text COLLATE "C" REFERENCES authenticators ON DELETE SET NULL, -- what confirming it removes
  confirmed_at timestamptz,
  last_used_at timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- A removed one is unconfirmed, so that it counts for nothing, and kept for as long as its removal can be reported.
  removed_at       timestamptz,
  was_confirmed_at timestamptz,
  removed_with     text, -- the other one that the session which removed it had proved last, if any
  CHECK (removed_at IS NULL OR confirmed_at IS NULL),
  CHECK ((removed_at IS NULL) = (was_confirmed_at IS NULL))
);
CREATE INDEX authenticators_user ON authenticators (user_id);
CREATE UNIQUE INDEX authenticators_pending ON authenticators (session_id, kind) WHERE confirmed_at IS NULL;

CREATE TABLE totp_seeds (
  authenticator_id text COLLATE "C" PRIMARY KEY REFERENCES authenticators ON DELETE CASCADE,
  sealed           bytea NOT NULL,
  last_step        bigint NOT NULL DEFAULT 0
);

CREATE TABLE phone_numbers (
  authenticator_id text COLLATE "C" PRIMARY KEY REFERENCES authenticators ON DELETE CASCADE,
  number           text NOT NULL
);

CREATE TABLE security_keys (
  authenticator_id text COLLATE "C" PRIMARY KEY REFERENCES authenticators ON DELETE CASCADE,
  credential_id    bytea NOT NULL,
  public_key       bytea NOT NULL,
  sign_count       bigint NOT NULL,
  backup_eligible  boolean NOT NULL,
  transports       text[] NOT NULL,
  signed_in_alone  boolean NOT NULL DEFAULT false, -- it is a passkey: it has been one once, which no enrollment promises
  removed          boolean NOT NULL DEFAULT false -- kept as the authenticator's row says, so that a removed key can be set up again
);
CREATE UNIQUE INDEX security_keys_credential ON security_keys (credential_id) WHERE NOT removed;
CREATE INDEX security_keys_removed ON security_keys (credential_id) WHERE removed;
CREATE FUNCTION keep_key_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE security_keys SET removed = NEW.removed_at IS NOT NULL WHERE authenticator_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_key_removed AFTER UPDATE OF removed_at ON authenticators
  FOR EACH ROW EXECUTE FUNCTION keep_key_removed();

-- What security keys are asked to sign. Bound to a session, to a sign-in challenge or to the hash of a token, by purpose.
CREATE TABLE ceremonies (
  purpose    text NOT NULL CHECK (purpose IN ('ENROLL', 'SECOND_FACTOR', 'CONFIRM_IDENTITY', 'PASSKEY')),
  bound_to   text NOT NULL,
  challenge  text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (purpose, bound_to)
);
CREATE INDEX ceremonies_expires ON ceremonies (expires_at);

-- How well an account is protected is kept where lists and sweeps look, by the only thing that cannot forget it.
CREATE FUNCTION keep_two_factor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE users u SET two_factor = s.state
    FROM (SELECT CASE WHEN bool_or(kind <> 'PHONE') THEN 'SECURE' WHEN count(*) > 0 THEN 'INSECURE' ELSE 'DISABLED' END AS state
            FROM authenticators WHERE user_id = coalesce(NEW.user_id, OLD.user_id) AND confirmed_at IS NOT NULL) s
   WHERE u.id = coalesce(NEW.user_id, OLD.user_id) AND u.two_factor <> s.state;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_two_factor AFTER INSERT OR DELETE OR UPDATE OF confirmed_at ON authenticators
  FOR EACH ROW EXECUTE FUNCTION keep_two_factor();

CREATE TABLE recovery_codes (
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  hash       bytea NOT NULL,
  used_at    timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  replaced_at timestamptz, -- kept for as long as the change that replaced it can be reported
  replaced_with text, -- the authenticator that the session which replaced it had proved last, if any
  PRIMARY KEY (user_id, hash)
);

CREATE TABLE sessions (
  id                   text COLLATE "C" PRIMARY KEY,
  user_id              text COLLATE "C" NOT NULL REFERENCES users,
  token_hash           bytea NOT NULL UNIQUE,
  cookie_hash          bytea UNIQUE,
  organization_id      text COLLATE "C", -- of a session that began at a provider: it is good for this organization only
  began_by             text NOT NULL,
  proved_at            timestamptz, -- when it last proved a second factor
  proved_with          text, -- and which authenticator; null for a recovery code
  fresh_at             timestamptz NOT NULL DEFAULT clock_timestamp(), -- when it last showed that its owner is there
  fresh_by             text NOT NULL, -- and by what
  mailbox_proved_at    timestamptz, -- when an emailed link of this account was used in it
  invitation_member_id text COLLATE "C", -- the invitation that confirming an authenticator completes
  invitation_hash      bytea,
  ip_address           text NOT NULL DEFAULT '',
  user_agent           text NOT NULL DEFAULT '',
  tries                integer NOT NULL DEFAULT 0, -- answers in a row by which it has not shown that
  created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at           timestamptz NOT NULL,
  ended_at             timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_organization ON sessions (organization_id) WHERE organization_id IS NOT NULL;

-- The browsers that an account has signed in with: wrong passwords from elsewhere never keep them out.
CREATE TABLE devices (
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  token_hash bytea NOT NULL,
  used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, token_hash)
);
CREATE INDEX devices_token ON devices (token_hash);

CREATE TABLE challenges (
  id         text COLLATE "C" PRIMARY KEY,
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  token_hash bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);

-- A code that was sent by text message: to answer one challenge, or for one session, which confirms a phone or who is there.
CREATE TABLE phone_codes (
  id               text COLLATE "C" PRIMARY KEY,
  user_id          text COLLATE "C" NOT NULL REFERENCES users,
  authenticator_id text COLLATE "C" NOT NULL REFERENCES authenticators ON DELETE CASCADE,
  challenge_id     text COLLATE "C" REFERENCES challenges ON DELETE CASCADE,
  session_id       text COLLATE "C" REFERENCES sessions ON DELETE CASCADE,
  code_hash        bytea NOT NULL,
  guesses          integer NOT NULL DEFAULT 0,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at       timestamptz NOT NULL
);
CREATE INDEX phone_codes_authenticator ON phone_codes (authenticator_id);

-- Each key's recent hits; a sliding window, so that a limit of five in five minutes is five in any five minutes.
CREATE TABLE rate_limits (
  key        text PRIMARY KEY,
  hits       timestamptz[] NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX rate_limits_expires ON rate_limits (expires_at);

-- How many codes in a row were tried for an account since a second factor last came right, and when that was too many.
CREATE TABLE wrong_codes (
  user_id text COLLATE "C" PRIMARY KEY REFERENCES users,
  tries   integer NOT NULL,
  off_at  timestamptz
);

CREATE TABLE security_events (
  id         text COLLATE "C" PRIMARY KEY,
  user_id    text COLLATE "C" NOT NULL REFERENCES users,
  action     text NOT NULL,
  message    text NOT NULL,
  ip_address text,
  user_agent text,
  organization_id text COLLATE "C", -- of whose provider it tells, for some
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX security_events_user ON security_events (user_id, id DESC);

-- The mails about changes to how an account is protected. Each has a link by which its owner says that it was not them; its
-- token is derived from the nonce with a key that the database does not have.
CREATE TABLE account_alerts (
  event_id    text COLLATE "C" PRIMARY KEY, -- the line of the account's log: what changed, when and from where
  user_id     text COLLATE "C" NOT NULL REFERENCES users,
  session_id  text COLLATE "C", -- that made the change, if one did
  email       text NOT NULL, -- the account's before the change: whom to tell, and where to go back to
  verified    boolean NOT NULL, -- whether the address was, then: the account goes back to no other
  nonce       bytea, -- null where the address was never verified and the account has left it: its holder may know, and not undo
  token_hash  bytea UNIQUE,
  since       timestamptz NOT NULL DEFAULT transaction_timestamp(), -- not later than anything that the change has written
  expires_at  timestamptz NOT NULL DEFAULT clock_timestamp() + interval '7 days',
  reported_at timestamptz -- it was not them: said of this change, or of an earlier one
);
CREATE INDEX account_alerts_user ON account_alerts (user_id, since);

CREATE TABLE organizations (
  id           text COLLATE "C" PRIMARY KEY,
  slug         text NOT NULL UNIQUE,
  name         text NOT NULL,
  require2fa   boolean NOT NULL DEFAULT false,
  audit_seq    bigint NOT NULL DEFAULT 0,
  audit_at     timestamptz NOT NULL DEFAULT '-infinity', -- its newest entry's time, before which no later entry is
  reminded_at  timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Kept figures of its members, by status, and of the active ones with a second factor.
  active_count     bigint NOT NULL DEFAULT 0,
  invited_count    bigint NOT NULL DEFAULT 0,
  removed_count    bigint NOT NULL DEFAULT 0,
  two_factor_count bigint NOT NULL DEFAULT 0
);

-- The kept figures as each day (UTC) with a change left them.
CREATE TABLE compliance_days (
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  day             date NOT NULL,
  active          bigint NOT NULL,
  two_factor      bigint NOT NULL,
  removed         bigint NOT NULL,
  PRIMARY KEY (organization_id, day)
);
CREATE FUNCTION keep_compliance_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO compliance_days (organization_id, day, active, two_factor, removed)
  VALUES (NEW.id, (clock_timestamp() AT TIME ZONE 'UTC')::date, NEW.active_count, NEW.two_factor_count, NEW.removed_count)
  ON CONFLICT (organization_id, day) DO UPDATE
     SET active = EXCLUDED.active, two_factor = EXCLUDED.two_factor, removed = EXCLUDED.removed;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_compliance_day AFTER UPDATE OF active_count, two_factor_count, removed_count ON organizations FOR EACH ROW
  WHEN ((OLD.active_count, OLD.two_factor_count, OLD.removed_count) IS DISTINCT FROM (NEW.active_count, NEW.two_factor_count, NEW.removed_count))
  EXECUTE FUNCTION keep_compliance_day();

-- API tokens: an organization's service tokens where it is named, else the personal tokens of who made them.
CREATE TABLE api_tokens (
  id              text COLLATE "C" PRIMARY KEY,
  user_id         text COLLATE "C" NOT NULL REFERENCES users, -- who made it
  organization_id text COLLATE "C" REFERENCES organizations,
  name            text NOT NULL,
  token_hash      bytea NOT NULL UNIQUE,
  scopes          text[] NOT NULL,
  proved_at       timestamptz, -- when the session that made a personal one had last proved a second factor
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at         timestamptz,
  expires_at      timestamptz NOT NULL,
  revoked_at      timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);
CREATE INDEX api_tokens_organization ON api_tokens (organization_id);

CREATE TABLE sso_connections (
  organization_id text COLLATE "C" PRIMARY KEY REFERENCES organizations,
  issuer          text NOT NULL,
  client_id       text COLLATE "C" NOT NULL,
  sealed_secret   bytea NOT NULL,
  trust_second_factor boolean NOT NULL DEFAULT false, -- its word that somebody used a second factor counts as one
  allowed_domains text[] NOT NULL DEFAULT '{}', -- whom it names is let in from these only; from all where there is none
  claim_name      text, -- and only with this claim of the ID token
  claim_value     text,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((claim_name IS NULL) = (claim_value IS NULL))
);

-- Whom a provider means: an issuer's subject, within one organization. No address stands here, since none is believed.
CREATE TABLE identities (
  id              text COLLATE "C" NOT NULL,
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  issuer          text NOT NULL,
  subject         text NOT NULL,
  user_id         text COLLATE "C" NOT NULL REFERENCES users,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, issuer, subject)
);
CREATE UNIQUE INDEX identities_user ON identities (user_id, organization_id, issuer);
CREATE INDEX identities_id ON identities (id);

-- Browsers that have been sent to a provider, each for one callback. What ties the answer to the browser (nonce, PKCE
-- verifier) is derived from a cookie that only the browser has.
CREATE TABLE sso_attempts (
  state_hash      bytea PRIMARY KEY,
  browser_hash    bytea NOT NULL,
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  issuer          text NOT NULL,
  client_id       text COLLATE "C" NOT NULL,
  session_id      text COLLATE "C", -- of the account that asked to be linked
  expires_at      timestamptz NOT NULL
);

CREATE TABLE members (
  id                 text COLLATE "C" NOT NULL,
  organization_id    text COLLATE "C" NOT NULL REFERENCES organizations,
  user_id            text COLLATE "C" REFERENCES users,
  email              text, -- of an invitation; afterwards the user's own counts
  role               text NOT NULL CHECK (role IN ('OWNER', 'MANAGER', 'ADMIN', 'MEMBER')),
  status             text NOT NULL CHECK (status IN ('ACTIVE', 'INVITED', 'REMOVED_FOR_2FA')),
  invited_by_id      text COLLATE "C" REFERENCES users,
  two_factor         text NOT NULL DEFAULT '', -- the account's, so that lists can be filtered along an index; '' of an invitation
  notify_membership  boolean NOT NULL DEFAULT true,
  notify_security    boolean NOT NULL DEFAULT true,
  removed_at         timestamptz,
  reinstatable_until timestamptz,
  last_seen_at       timestamptz,
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, id),
  CHECK ((status = 'INVITED') = (user_id IS NULL)),
  CHECK ((status = 'INVITED') = (email IS NOT NULL)),
  CHECK ((status = 'REMOVED_FOR_2FA') = (removed_at IS NOT NULL)),
  CHECK ((status = 'REMOVED_FOR_2FA') = (reinstatable_until IS NOT NULL))
);
-- By its hash: an index in the order of ids would be taken for pages of members, past those of all other organizations.
CREATE INDEX members_id ON members USING hash (id);
-- Their last column has the other name of the ids' order, which keeps PostgreSQL to these two where a page is read along them. So has the
-- status of the first, which keeps it to the second for a whole standing: where all members are alike it takes one to be as good.
CREATE INDEX members_status ON members (organization_id, status COLLATE "POSIX", id COLLATE "POSIX");
CREATE INDEX members_standing ON members (organization_id, status, role, two_factor, id COLLATE "POSIX");
-- Whom a sweep would remove: a removal takes its member out, and writes nothing to it.
CREATE INDEX members_without ON members (organization_id, id COLLATE "POSIX") WHERE status = 'ACTIVE' AND two_factor = 'DISABLED';
CREATE INDEX members_owners ON members (organization_id) WHERE role = 'OWNER' AND status = 'ACTIVE';
CREATE UNIQUE INDEX members_user ON members (user_id, organization_id);
CREATE UNIQUE INDEX members_invited ON members (organization_id, lower(email)) WHERE status = 'INVITED';
CREATE INDEX members_window ON members (reinstatable_until) WHERE status = 'REMOVED_FOR_2FA';

-- Kept figures instead of count(*): in the organization's row, which whoever changes a membership's standing has locked
-- anyway, and by the database, so that no writer can forget them. One update for a statement, however many rows it changes;
-- none where it changes nobody's standing, since those who only note a visit hold no lock. Who brings a person in holds the
-- person's lock: no factor comes or goes between the look at it and the commit. What was and what is are added up rather than
-- compared row by row: a plan that was made for one row and kept would compare each of a sweep's rows with all of them. And an
-- account is looked up for each row, not joined: for many rows PostgreSQL would read all accounts that there are.
CREATE TYPE member_move AS (organization_id text, user_id text, status text, n integer);
CREATE FUNCTION keep_member_counts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moves member_move[];
BEGIN
  CASE TG_OP
  WHEN 'INSERT' THEN
    SELECT array_agg((organization_id, user_id, status, 1)::member_move) INTO moves FROM after;
  WHEN 'DELETE' THEN
    SELECT array_agg((organization_id, user_id, status, -1)::member_move) INTO moves FROM before;
  ELSE
    SELECT array_agg(m::member_move) INTO moves
      FROM (SELECT organization_id, user_id, status, sum(n)::integer
              FROM (SELECT organization_id, user_id, status, 1 AS n FROM after
                    UNION ALL SELECT organization_id, user_id, status, -1 FROM before) v
             GROUP BY organization_id, user_id, status HAVING sum(n) <> 0) m;
  END CASE;
  UPDATE organizations o
     SET active_count = active_count + c.active, invited_count = invited_count + c.invited,
         removed_count = removed_count + c.removed, two_factor_count = two_factor_count + c.two_factor
    FROM (SELECT m.organization_id,
                 coalesce(sum(m.n) FILTER (WHERE m.status = 'ACTIVE'), 0) AS active,
                 coalesce(sum(m.n) FILTER (WHERE m.status = 'INVITED'), 0) AS invited,
                 coalesce(sum(m.n) FILTER (WHERE m.status = 'REMOVED_FOR_2FA'), 0) AS removed,
                 coalesce(sum(m.n) FILTER (WHERE CASE m.status WHEN 'ACTIVE' THEN (SELECT two_factor FROM users WHERE id = m.user_id) <> 'DISABLED' END), 0) AS two_factor
            FROM unnest(moves) m GROUP BY 1) c
   WHERE o.id = c.organization_id;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_member_counts_in AFTER INSERT ON members REFERENCING NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION keep_member_counts();
CREATE TRIGGER keep_member_counts_out AFTER DELETE ON members REFERENCING OLD TABLE AS before
  FOR EACH STATEMENT EXECUTE FUNCTION keep_member_counts();
CREATE TRIGGER keep_member_counts_moved AFTER UPDATE ON members REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION keep_member_counts();

-- A first factor, or the loss of the last, counts in every organization of the person; all of them are locked for it.
CREATE FUNCTION keep_two_factor_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE organizations SET two_factor_count = two_factor_count + CASE NEW.two_factor WHEN 'DISABLED' THEN -1 ELSE 1 END
   WHERE id IN (SELECT organization_id FROM members WHERE user_id = NEW.id AND status = 'ACTIVE');
  RETURN NULL;
END $$;
CREATE TRIGGER keep_two_factor_count AFTER UPDATE OF two_factor ON users FOR EACH ROW
  WHEN ((OLD.two_factor = 'DISABLED') <> (NEW.two_factor = 'DISABLED'))
  EXECUTE FUNCTION keep_two_factor_count();

-- A member's copy of the account's 2FA state, for the index of standings. Whoever brings a person in waits for a change of the
-- state that is under way, and the other way round: neither misses the other, whatever their callers have locked.
CREATE FUNCTION copy_two_factor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.two_factor := '';
  IF NEW.user_id IS NOT NULL THEN
    SELECT two_factor INTO NEW.two_factor FROM users WHERE id = NEW.user_id FOR SHARE;
    NEW.two_factor := coalesce(NEW.two_factor, ''); -- of nobody: the reference refuses the row
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER copy_two_factor BEFORE INSERT OR UPDATE OF user_id, two_factor ON members FOR EACH ROW EXECUTE FUNCTION copy_two_factor();
CREATE FUNCTION copy_two_factor_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE members SET two_factor = NEW.two_factor WHERE user_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER copy_two_factor_on AFTER UPDATE OF two_factor ON users FOR EACH ROW
  WHEN (OLD.two_factor <> NEW.two_factor) EXECUTE FUNCTION copy_two_factor_on();

-- What members are searched for by: the account's name and address, or an invitation's address. It is no part of members, whose rows
-- change with each visit and each sweep, and would then be written to the index of parts again.
CREATE TABLE member_texts (
  organization_id text COLLATE "C" NOT NULL,
  member_id       text COLLATE "C" NOT NULL,
  name            text, -- null of an invitation
  email           text,
  PRIMARY KEY (organization_id, member_id),
  FOREIGN KEY (organization_id, member_id) REFERENCES members ON DELETE CASCADE
);
-- A text's parts of three characters, one from each of its characters on, so that the last two are shorter. Each begins with a mark of
-- the organization: what others' members are called makes no part of this one's more frequent. Two organizations may share a mark. Letters
-- are made small as ILIKE makes them, by the database's language, not by that of ids, which a function takes over from its arguments.
CREATE FUNCTION text_parts(organization_id text, searched text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT COST 4000 AS $$
DECLARE
  mark  text := left(md5(organization_id), 6);
  lower text := lower(searched COLLATE "default");
  parts text[];
BEGIN
  FOR i IN 1..length(lower) LOOP
    parts[i] := mark || substr(lower, i, 3);
  END LOOP;
  RETURN array_to_tsvector(parts);
END $$;
-- Parts that a text has which has this one in it: side by side, and the last, at most sixteen (each more makes what is frequent dearer to
-- find, and what is rare hardly cheaper); of a shorter one, that a part begins with it.
CREATE FUNCTION text_parts_with(organization_id text, searched text) RETURNS tsquery LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  mark  text := left(md5(organization_id), 6);
  lower text := lower(searched COLLATE "default");
  last  int := greatest(length(lower) - 2, 1);
  parts text[];
BEGIN
  FOR i IN 0..least((last + 1) / 3, 15) LOOP
    parts[i] := '''' || replace(replace(mark || substr(lower, least(1 + 3 * i, last), 3), '\', '\\'), '''', '''''') || '''';
  END LOOP;
  RETURN (array_to_string(parts, ' & ') || CASE WHEN length(lower) < 3 THEN ':*' ELSE '' END)::tsquery;
END $$;
-- What is written to it later, some dozen members at a time, which is less than half the work, waits in a list that every search reads: 64 KB.
CREATE INDEX member_texts_parts ON member_texts USING gin (text_parts(organization_id, name), text_parts(organization_id, email)) WITH (gin_pending_list_limit = 64);
-- Nobody asks how frequent a part is, and to find out takes a minute of a million.
ALTER INDEX member_texts_parts ALTER 1 SET STATISTICS 0, ALTER 2 SET STATISTICS 0;

-- Whoever brings a person in holds their account's lock (copy_two_factor): neither a join nor a change of the account misses the other.
CREATE FUNCTION copy_texts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO member_texts (organization_id, member_id, name, email)
  SELECT NEW.organization_id, NEW.id, u.name, CASE WHEN NEW.user_id IS NULL THEN NEW.email ELSE u.email END
    FROM (VALUES (NEW.user_id)) m (user_id) LEFT JOIN users u ON u.id = m.user_id
  ON CONFLICT (organization_id, member_id) DO UPDATE SET name = excluded.name, email = excluded.email;
  RETURN NULL;
END $$;
CREATE TRIGGER copy_texts AFTER INSERT OR UPDATE OF user_id, email ON members FOR EACH ROW EXECUTE FUNCTION copy_texts();
CREATE FUNCTION copy_texts_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE member_texts t SET name = NEW.name, email = NEW.email
    FROM members m WHERE m.user_id = NEW.id AND (t.organization_id, t.member_id) = (m.organization_id, m.id);
  RETURN NULL;
END $$;
CREATE TRIGGER copy_texts_on AFTER UPDATE OF name, email ON users FOR EACH ROW
  WHEN ((OLD.name, OLD.email) IS DISTINCT FROM (NEW.name, NEW.email)) EXECUTE FUNCTION copy_texts_on();

-- The one living link of a member. Its token is derived from the nonce with a key that the database does not have.
CREATE TABLE invitations (
  organization_id text COLLATE "C" NOT NULL,
  member_id  text COLLATE "C" NOT NULL,
  reason     text NOT NULL CHECK (reason IN ('INVITED', 'REMOVED_FOR_2FA')),
  nonce      bytea NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  delivery   text NOT NULL DEFAULT 'QUEUED' CHECK (delivery IN ('QUEUED', 'SENT', 'FAILED')),
  sent_by_id   text COLLATE "C" REFERENCES users, -- who answers for an invitation, since it stands only while they could send it; null for a service token
  sent_with_id text COLLATE "C", -- the API token that it was sent with, if any
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, member_id),
  FOREIGN KEY (organization_id, member_id) REFERENCES members ON DELETE CASCADE
);
CREATE INDEX invitations_sent_by ON invitations (organization_id, sent_by_id) WHERE sent_by_id IS NOT NULL;

-- Requests to reset somebody's second factor, which wait for those who have to agree. One at a time for a person in an organization:
-- one tenant's must not keep another's out.
CREATE TABLE two_factor_resets (
  id                 text COLLATE "C" PRIMARY KEY,
  user_id            text COLLATE "C" NOT NULL REFERENCES users,
  organization_id    text COLLATE "C" NOT NULL REFERENCES organizations, -- where it was asked for
  requested_by_id    text COLLATE "C" NOT NULL REFERENCES users,
  requested_by_label text NOT NULL,
  reason             text NOT NULL,
  state              text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'DONE', 'DECLINED', 'WITHDRAWN', 'EXPIRED', 'VOID')),
  nonce              bytea NOT NULL, -- the token of the person's link is derived from it, with a key that the database does not have
  token_hash         bytea NOT NULL UNIQUE,
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at         timestamptz NOT NULL,
  ended_at           timestamptz,
  disowned           boolean NOT NULL DEFAULT false, -- who asked has said since that somebody else had their account: it takes no effect
  CHECK ((state = 'PENDING') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX two_factor_resets_pending ON two_factor_resets (user_id, organization_id) WHERE state = 'PENDING';
CREATE INDEX two_factor_resets_expires ON two_factor_resets (expires_at) WHERE state = 'PENDING';

CREATE TABLE two_factor_reset_approvals (
  reset_id          text COLLATE "C" NOT NULL REFERENCES two_factor_resets ON DELETE CASCADE,
  organization_id   text COLLATE "C" NOT NULL REFERENCES organizations,
  approved_by_id    text COLLATE "C" NOT NULL REFERENCES users,
  approved_by_label text NOT NULL,
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (reset_id, organization_id)
);

CREATE TABLE teams (
  id              text COLLATE "C" NOT NULL,
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  slug            text NOT NULL,
  name            text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, slug)
);
CREATE INDEX teams_id ON teams (id);
CREATE INDEX teams_name ON teams (organization_id, name, id);

CREATE TABLE projects (
  id              text COLLATE "C" NOT NULL,
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  team_id         text COLLATE "C" NOT NULL,
  slug            text NOT NULL,
  name            text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, slug),
  FOREIGN KEY (organization_id, team_id) REFERENCES teams
);
CREATE INDEX projects_id ON projects (id);
CREATE INDEX projects_name ON projects (organization_id, name, id);
CREATE INDEX projects_team ON projects (organization_id, team_id);

CREATE TABLE member_teams (
  organization_id text COLLATE "C" NOT NULL,
  member_id       text COLLATE "C" NOT NULL,
  team_id         text COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, member_id, team_id),
  FOREIGN KEY (organization_id, member_id) REFERENCES members ON DELETE CASCADE,
  FOREIGN KEY (organization_id, team_id) REFERENCES teams
);
CREATE INDEX member_teams_team ON member_teams (organization_id, team_id);
-- A team is of one organization: else PostgreSQL takes it for as much smaller as the organization is than all, and reads large ones.
CREATE STATISTICS member_teams_of_one (dependencies) ON organization_id, team_id FROM member_teams;

-- The log is kept in a table for each month (UTC). Retention drops whole months: an organization's entries are numbered in
-- the order of their times, so what is left has no gap, and nothing is deleted row by row. That a number is used once is no
-- constraint of such a table, whose key must have the time in it: numbers come from organizations.audit_seq, under the row's lock.
CREATE TABLE audit_entries (
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  sequence        bigint NOT NULL,
  id              text COLLATE "C" NOT NULL,
  action          text NOT NULL,
  actor_id        text COLLATE "C",
  actor_label     text NOT NULL,
  target_id       text COLLATE "C",
  target_label    text NOT NULL,
  message         text NOT NULL,
  ip_address      text,
  user_agent      text,
  data            jsonb,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (organization_id, sequence, created_at)
) PARTITION BY RANGE (created_at);
CREATE INDEX audit_entries_id ON audit_entries (id);
CREATE INDEX audit_entries_action ON audit_entries (organization_id, action, sequence);
CREATE INDEX audit_entries_actor ON audit_entries (organization_id, actor_id, sequence);
CREATE INDEX audit_entries_target ON audit_entries (organization_id, target_id, sequence);

-- A log that can be rewritten proves nothing. Grants keep muster_app from it; this keeps everybody from doing it by accident.
CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- Who has done something that an organization's log tells, by their newest label: found without reading the log. Who writes the
-- log has locked the organization, so that nobody is added twice. Those whose entries retention has dropped are of no account.
CREATE TABLE audit_actors (
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  actor_id        text COLLATE "C" NOT NULL,
  label           text NOT NULL,
  PRIMARY KEY (organization_id, actor_id)
);
CREATE INDEX audit_actors_label ON audit_actors (organization_id, lower(label), actor_id);
-- The extension comes with PostgreSQL, and whoever may create tables may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX audit_actors_search ON audit_actors USING gin (label gin_trgm_ops);
CREATE FUNCTION keep_audit_actors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_actors (organization_id, actor_id, label)
  SELECT n.organization_id, n.actor_id, n.actor_label
    FROM (SELECT DISTINCT ON (organization_id, actor_id) organization_id, actor_id, actor_label FROM added
           WHERE actor_id IS NOT NULL ORDER BY organization_id, actor_id, sequence DESC) n
   WHERE NOT EXISTS (SELECT FROM audit_actors a
                      WHERE a.organization_id = n.organization_id AND a.actor_id = n.actor_id AND a.label = n.actor_label)
  ON CONFLICT (organization_id, actor_id) DO UPDATE SET label = excluded.label;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_audit_actors AFTER INSERT ON audit_entries REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_actors();

-- How many months of the log are kept at least; 0 keeps all. Only the owner of the tables sets it.
CREATE TABLE retention (
  one          boolean PRIMARY KEY DEFAULT true CHECK (one),
  audit_months int NOT NULL CHECK (audit_months >= 0)
);

-- Makes the log's table for a month, where it is missing. It is attached rather than created in place, because that lets
-- others read and write the log meanwhile.
CREATE FUNCTION add_audit_month(month timestamp) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 'audit_entries_' || to_char(month, 'YYYY_MM');
BEGIN
  IF to_regclass(name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I (LIKE audit_entries INCLUDING DEFAULTS)', name);
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()', name);
    EXECUTE format('ALTER TABLE audit_entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
      date_trunc('month', month) AT TIME ZONE 'UTC', (date_trunc('month', month) + interval '1 month') AT TIME ZONE 'UTC');
  END IF;
END $$;

-- Makes the log's tables for the month that is, the one before and those to come.
CREATE FUNCTION add_audit_months() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock('audit_entries'::regclass::bigint);
  FOR i IN -1..3 LOOP
    PERFORM add_audit_month(date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => i));
  END LOOP;
END $$;

-- The same, and drops those that ended before what is kept; it says which. Whoever serves may call it: it does what is due by
-- the owner's word, and nothing else.
CREATE FUNCTION keep_audit_months() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  today timestamp := clock_timestamp() AT TIME ZONE 'UTC';
  name  text;
BEGIN
  PERFORM add_audit_months();
  FOR name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, retention r
     WHERE i.inhparent = 'audit_entries'::regclass AND r.audit_months > 0
       AND c.relname < 'audit_entries_' || to_char(today - make_interval(months => r.audit_months), 'YYYY_MM')
     ORDER BY 1
  LOOP
    EXECUTE format('DROP TABLE %I', name);
    RETURN NEXT name;
  END LOOP;
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON security_events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

CREATE TABLE sweeps (
  id              text COLLATE "C" NOT NULL,
  organization_id text COLLATE "C" NOT NULL REFERENCES organizations,
  actor_id        text COLLATE "C" NOT NULL REFERENCES users,
  actor_label     text NOT NULL,
  ip_address      text,
  user_agent      text,
  state           text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'CANCELED')),
  total           bigint NOT NULL,
  done            bigint NOT NULL DEFAULT 0,
  failed          bigint NOT NULL DEFAULT 0,
  lease_until     timestamptz,
  lease_holder    text,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at      timestamptz,
  finished_at     timestamptz,
  PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX sweeps_unfinished ON sweeps (organization_id) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX sweeps_id ON sweeps (id);
