-- Users, their sessions and tokens. Passwords: argon2id hashes, never plain.
BEGIN;
SET client_encoding = 'UTF8';

CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          varchar(60) NOT NULL UNIQUE,
    password      varchar(255) NOT NULL,
    password_salt bytea,
    pin           smallint CHECK (pin BETWEEN 0 AND 9999),
    otp_enabled   boolean NOT NULL DEFAULT false,
    secret        text DEFAULT NULL,
    created       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT password_length CHECK (length(password) >= 8)
);

CREATE TABLE sessions (
    session_id char(32) PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    cookie     text,
    expires    timestamptz NOT NULL
);

CREATE TABLE tokens (
    token   text NOT NULL,
    kind    varchar(20) NOT NULL DEFAULT 'access' CHECK (kind IN ('access', 'refresh')),
    user_id bigint REFERENCES users,
    UNIQUE (token, kind)
);

CREATE INDEX ix_tokens_token ON tokens USING hash (token);
CREATE UNIQUE INDEX ix_api_keys ON tokens (token) WHERE kind = 'access';
COMMENT ON COLUMN users.password IS 'hash of the password';
COMMENT ON COLUMN tokens.token IS 'hash of the token';

CREATE VIEW active AS
    SELECT u.id, u.name, s.session_id, t.token
    FROM users u
    JOIN sessions s ON s.user_id = u.id
    LEFT JOIN tokens t ON t.user_id = u.id AND t.token IS NOT NULL
    WHERE s.expires > now() AND u.password <> '';

CREATE FUNCTION check_password(bigint, text) RETURNS boolean AS $$
    SELECT password = crypt($2, password) FROM users WHERE id = $1;
$$ LANGUAGE sql STABLE;

PREPARE login (text, text) AS SELECT id FROM users WHERE name = $1 AND password = $2;
ALTER TABLE users ALTER COLUMN password SET NOT NULL, ADD COLUMN signature text;
GRANT SELECT (id, name) ON users TO readers;
REVOKE ALL ON tokens, sessions FROM PUBLIC;
COMMIT;
