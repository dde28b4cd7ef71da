"""Between tables and objects: exports, imports and bulk operations, jobs with records in the catalogue.

Objects are in a store that the service was given (service.objects): what has put, get and list will do.
"""
