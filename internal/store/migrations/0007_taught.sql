-- The question that was taught and gave an answer; '' where none did.
ALTER TABLE exchange ADD COLUMN taught TEXT NOT NULL DEFAULT '';
-- What a correction is about: '' another question, 'same' the one that was answered, 'never' one that is not to be answered.
ALTER TABLE correction ADD COLUMN kind TEXT NOT NULL DEFAULT '';
