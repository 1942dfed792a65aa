"""The invented people, activities and statements that a rehearsal is loaded with."""
