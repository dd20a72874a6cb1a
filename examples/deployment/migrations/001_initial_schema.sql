CREATE TABLE publishers (id bigint PRIMARY KEY, publisher_id text NOT NULL UNIQUE, name text NOT NULL);
CREATE TABLE bidders (id bigint PRIMARY KEY, bidder_code text NOT NULL UNIQUE, endpoint text NOT NULL);
