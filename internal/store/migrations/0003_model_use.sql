-- When a model was put into use, counted within its server, so that a rollback finds the one that was used before.
ALTER TABLE model ADD COLUMN used INTEGER NOT NULL DEFAULT 0; -- 0 = never
UPDATE model SET used = number WHERE state IN ('active', 'retired');
