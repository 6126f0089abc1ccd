CREATE FUNCTION append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$;
CREATE TABLE audit (
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    event character varying(60) NOT NULL,
    subject character varying(200) NOT NULL,
    content text NOT NULL,
    previous character varying(64) NOT NULL,
    digest character varying(64) NOT NULL
);
CREATE SEQUENCE audit_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE audit_number_seq OWNED BY audit.number;
CREATE TABLE releases (
    number integer NOT NULL,
    submission_id character varying(32) NOT NULL,
    benchmark character varying(200) NOT NULL,
    evaluation_key character varying(64) NOT NULL,
    document text NOT NULL,
    published timestamp with time zone NOT NULL
);
CREATE SEQUENCE releases_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE releases_number_seq OWNED BY releases.number;
CREATE TABLE stage_times (
    number integer NOT NULL,
    submission_id character varying(32) NOT NULL,
    stage character varying(20) NOT NULL,
    at_most_seconds integer NOT NULL
);
CREATE SEQUENCE stage_times_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE stage_times_number_seq OWNED BY stage_times.number;
CREATE TABLE submissions (
    submission_id character varying(32) NOT NULL,
    team character varying(200) NOT NULL,
    model character varying(200) NOT NULL,
    benchmark character varying(200) NOT NULL,
    image_digest character varying(100) NOT NULL,
    threshold double precision NOT NULL,
    received timestamp with time zone NOT NULL
);
CREATE TABLE tracked (
    release_number integer NOT NULL,
    run_id character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE transitions (
    number integer NOT NULL,
    submission_id character varying(32) NOT NULL,
    state character varying(20) NOT NULL,
    failure character varying(40),
    at timestamp with time zone NOT NULL
);
CREATE SEQUENCE transitions_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE transitions_number_seq OWNED BY transitions.number;
ALTER TABLE ONLY audit ALTER COLUMN number SET DEFAULT nextval('audit_number_seq'::regclass);
ALTER TABLE ONLY releases ALTER COLUMN number SET DEFAULT nextval('releases_number_seq'::regclass);
ALTER TABLE ONLY stage_times ALTER COLUMN number SET DEFAULT nextval('stage_times_number_seq'::regclass);
ALTER TABLE ONLY transitions ALTER COLUMN number SET DEFAULT nextval('transitions_number_seq'::regclass);
INSERT INTO audit VALUES (1, '2026-11-30 08:00:00+00', 'sequester', 'chest', '0000000000000000000000000000000000000000000000000000000000000000', '0000000000000000000000000000000000000000000000000000000000000000', '06a99fb3ca183b5add49cb54767a3bc0848d7d7d6695ed073de431ea44ecaf83');
INSERT INTO audit VALUES (2, '2026-11-30 08:00:00+00', 'seal', 'chest', 'sha256:5555555555555555555555555555555555555555555555555555555555555555', '06a99fb3ca183b5add49cb54767a3bc0848d7d7d6695ed073de431ea44ecaf83', '1d4b3b4244e9a1945fd281078e17300ce659e4fd0f4a00f08f93acf5b7a9c3d9');
INSERT INTO audit VALUES (3, '2026-11-30 08:00:00+00', 'state:received', 'aaaaaaaaaaaa', '', '1d4b3b4244e9a1945fd281078e17300ce659e4fd0f4a00f08f93acf5b7a9c3d9', '824a189a3961c6e6efe65e8d0b78ec1d7b185015020eb89d2e3d2ae43ec2ca2a');
INSERT INTO audit VALUES (4, '2026-11-30 08:00:00+00', 'state:linted', 'aaaaaaaaaaaa', '', '824a189a3961c6e6efe65e8d0b78ec1d7b185015020eb89d2e3d2ae43ec2ca2a', 'c4f9706f2688f2074d1a77c36581e80e19f903f0e8d45654ec1b2e8813061781');
INSERT INTO audit VALUES (5, '2026-11-30 08:00:00+00', 'state:queued', 'aaaaaaaaaaaa', '', 'c4f9706f2688f2074d1a77c36581e80e19f903f0e8d45654ec1b2e8813061781', 'a77da0a677d512126342bc5ba166edbbb483ebb239e44067f91fe9bbb547ef08');
INSERT INTO audit VALUES (6, '2026-11-30 08:00:00+00', 'state:received', 'bbbbbbbbbbbb', '', 'a77da0a677d512126342bc5ba166edbbb483ebb239e44067f91fe9bbb547ef08', 'dd46097581592cbb0e0ffc984191a333641b83bf13a04c5d92802b4d02aac990');
INSERT INTO audit VALUES (7, '2026-11-30 08:00:00+00', 'state:linted', 'bbbbbbbbbbbb', '', 'dd46097581592cbb0e0ffc984191a333641b83bf13a04c5d92802b4d02aac990', 'ea43272e8c6a67a49209bf2e1638037463894330121f741f840e8680f375b295');
INSERT INTO audit VALUES (8, '2026-11-30 08:00:00+00', 'state:queued', 'bbbbbbbbbbbb', '', 'ea43272e8c6a67a49209bf2e1638037463894330121f741f840e8680f375b295', 'a245d434f6afee43f3d99c9a41e2e70713bf662410b83aefef7ecf150c8c621a');
INSERT INTO audit VALUES (9, '2026-11-30 08:00:00+00', 'state:received', 'cccccccccccc', '', 'a245d434f6afee43f3d99c9a41e2e70713bf662410b83aefef7ecf150c8c621a', '2677422f0697c83b003fccc64c6220a83d73a6d12f7d04ca1263f0ca943a890e');
INSERT INTO audit VALUES (10, '2026-11-30 08:00:00+00', 'state:rejected', 'cccccccccccc', 'image-invalid', '2677422f0697c83b003fccc64c6220a83d73a6d12f7d04ca1263f0ca943a890e', '0bfa06fc9f1ce22984344d32c24b8d6ba3b749f53a04aa71861bda50157863d4');
INSERT INTO audit VALUES (11, '2026-11-30 08:00:00+00', 'state:running', 'aaaaaaaaaaaa', '', '0bfa06fc9f1ce22984344d32c24b8d6ba3b749f53a04aa71861bda50157863d4', '4c4bcd71eee65cf8d2f788d53bc65846377d9d0926e720a0c3048d74742e2432');
INSERT INTO audit VALUES (12, '2026-11-30 08:00:00+00', 'state:scoring', 'aaaaaaaaaaaa', '', '4c4bcd71eee65cf8d2f788d53bc65846377d9d0926e720a0c3048d74742e2432', '9048d0b66c8c2cb7d06fbc9b5c70d2b1990562b5d8bf985dfd3d71cc5f413d15');
INSERT INTO audit VALUES (13, '2026-11-30 08:00:00+00', 'state:released', 'aaaaaaaaaaaa', '', '9048d0b66c8c2cb7d06fbc9b5c70d2b1990562b5d8bf985dfd3d71cc5f413d15', '0ca41093de4ab3b1c51ce96ab5a15a4cda7a3f57f8a998573cbad91d8cb4acdd');
INSERT INTO audit VALUES (14, '2026-11-30 08:00:00+00', 'release', 'aaaaaaaaaaaa', '90ab9492991c3805f890dc3efe8da72938d84d4d355183c6e343f8b58ea862c1', '0ca41093de4ab3b1c51ce96ab5a15a4cda7a3f57f8a998573cbad91d8cb4acdd', 'fc6778c191ad945b869e85bbfb261c8c5135cbc2c85736a73a357a6549f57316');
INSERT INTO audit VALUES (15, '2026-11-30 08:00:00+00', 'state:released', 'aaaaaaaaaaaa', '', 'fc6778c191ad945b869e85bbfb261c8c5135cbc2c85736a73a357a6549f57316', '19431e767ef502c62dfbdc8f600ede5bac8cb373639d05bcda12d534467abc73');
INSERT INTO audit VALUES (16, '2026-11-30 08:00:00+00', 'release', 'aaaaaaaaaaaa', '5e9987d1edb39d2c896751491f2d23aa66e711daf8361af8bac7877a810cbe80', '19431e767ef502c62dfbdc8f600ede5bac8cb373639d05bcda12d534467abc73', '492a651c8b5e4d1e32aa4ff7dc1a41d79839f6b9e583b21a7a3af030b376b90d');
INSERT INTO audit VALUES (17, '2026-11-30 08:00:00+00', 'state:running', 'bbbbbbbbbbbb', '', '492a651c8b5e4d1e32aa4ff7dc1a41d79839f6b9e583b21a7a3af030b376b90d', '04ad16d7c3aae9c2f6c64021209117e9689c340f0a7e0fac12a9fac8b664014f');
INSERT INTO audit VALUES (18, '2026-11-30 08:00:00+00', 'state:failed', 'bbbbbbbbbbbb', 'crashed', '04ad16d7c3aae9c2f6c64021209117e9689c340f0a7e0fac12a9fac8b664014f', 'f854796488e5e9966f2bfd9475326cf13945db23c19284dabfb87aa536f88266');
INSERT INTO releases VALUES (1, 'aaaaaaaaaaaa', 'chest', '1111111111111111111111111111111111111111111111111111111111111111', '{"schema": 1, "results": [0.5]}', '2026-11-30 08:00:00+00');
INSERT INTO releases VALUES (2, 'aaaaaaaaaaaa', 'chest', '2222222222222222222222222222222222222222222222222222222222222222', '{"schema": 1, "results": [0.25]}', '2026-11-30 08:00:00+00');
INSERT INTO stage_times VALUES (1, 'aaaaaaaaaaaa', 'queue', 1);
INSERT INTO stage_times VALUES (2, 'aaaaaaaaaaaa', 'infer', 128);
INSERT INTO stage_times VALUES (3, 'aaaaaaaaaaaa', 'score', 4);
INSERT INTO submissions VALUES ('aaaaaaaaaaaa', 'North', 'Densenet', 'chest', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 0.5, '2026-01-02 03:04:05.678901+00');
INSERT INTO submissions VALUES ('bbbbbbbbbbbb', 'Süd', 'Densenet', 'chest', 'sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 0.5, '2026-01-02 03:04:05.678901+00');
INSERT INTO submissions VALUES ('cccccccccccc', 'North', 'Densenet', 'chest', 'sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 0.5, '2026-01-02 03:04:05.678901+00');
INSERT INTO tracked VALUES (1, 'run-of-the-first', '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (1, 'aaaaaaaaaaaa', 'received', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (2, 'aaaaaaaaaaaa', 'linted', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (3, 'aaaaaaaaaaaa', 'queued', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (4, 'bbbbbbbbbbbb', 'received', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (5, 'bbbbbbbbbbbb', 'linted', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (6, 'bbbbbbbbbbbb', 'queued', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (7, 'cccccccccccc', 'received', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (8, 'cccccccccccc', 'rejected', 'image-invalid', '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (9, 'aaaaaaaaaaaa', 'running', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (10, 'aaaaaaaaaaaa', 'scoring', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (11, 'aaaaaaaaaaaa', 'released', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (12, 'aaaaaaaaaaaa', 'released', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (13, 'bbbbbbbbbbbb', 'running', NULL, '2026-11-30 08:00:00+00');
INSERT INTO transitions VALUES (14, 'bbbbbbbbbbbb', 'failed', 'crashed', '2026-11-30 08:00:00+00');
SELECT pg_catalog.setval('audit_number_seq', 18, true);
SELECT pg_catalog.setval('releases_number_seq', 2, true);
SELECT pg_catalog.setval('stage_times_number_seq', 3, true);
SELECT pg_catalog.setval('transitions_number_seq', 14, true);
ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_digest_key UNIQUE (digest);
ALTER TABLE ONLY audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (number);
ALTER TABLE ONLY releases
    ADD CONSTRAINT one_release_an_evaluation UNIQUE (submission_id, evaluation_key);
ALTER TABLE ONLY releases
    ADD CONSTRAINT releases_pkey PRIMARY KEY (number);
ALTER TABLE ONLY stage_times
    ADD CONSTRAINT stage_times_pkey PRIMARY KEY (number);
ALTER TABLE ONLY submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (submission_id);
ALTER TABLE ONLY tracked
    ADD CONSTRAINT tracked_pkey PRIMARY KEY (release_number);
ALTER TABLE ONLY transitions
    ADD CONSTRAINT transitions_pkey PRIMARY KEY (number);
CREATE INDEX ix_releases_benchmark ON releases USING btree (benchmark);
CREATE INDEX ix_stage_times_submission_id ON stage_times USING btree (submission_id);
CREATE INDEX ix_transitions_submission_id ON transitions USING btree (submission_id);
CREATE TRIGGER append_only_audit_delete BEFORE DELETE ON audit FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_audit_update BEFORE UPDATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_releases_delete BEFORE DELETE ON releases FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_releases_update BEFORE UPDATE ON releases FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_stage_times_delete BEFORE DELETE ON stage_times FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_stage_times_update BEFORE UPDATE ON stage_times FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_submissions_delete BEFORE DELETE ON submissions FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_submissions_update BEFORE UPDATE ON submissions FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_tracked_delete BEFORE DELETE ON tracked FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_tracked_update BEFORE UPDATE ON tracked FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_transitions_delete BEFORE DELETE ON transitions FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER append_only_transitions_update BEFORE UPDATE ON transitions FOR EACH STATEMENT EXECUTE FUNCTION append_only();
ALTER TABLE ONLY releases
    ADD CONSTRAINT releases_submission_id_fkey FOREIGN KEY (submission_id) REFERENCES submissions(submission_id);
ALTER TABLE ONLY stage_times
    ADD CONSTRAINT stage_times_submission_id_fkey FOREIGN KEY (submission_id) REFERENCES submissions(submission_id);
ALTER TABLE ONLY tracked
    ADD CONSTRAINT tracked_release_number_fkey FOREIGN KEY (release_number) REFERENCES releases(number);
ALTER TABLE ONLY transitions
    ADD CONSTRAINT transitions_submission_id_fkey FOREIGN KEY (submission_id) REFERENCES submissions(submission_id);
