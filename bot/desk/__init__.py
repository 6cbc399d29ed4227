"""Pure rules for cases, ratings, clarify questions and drafts."""
