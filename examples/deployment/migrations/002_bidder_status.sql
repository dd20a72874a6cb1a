ALTER TABLE bidders ADD COLUMN enabled boolean NOT NULL DEFAULT true;
