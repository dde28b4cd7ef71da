/* memory_requests.c: see memory_requests.h. */
#include "tests/support/memory_requests.h"

#define LONG                                                                                                 \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define LONGER LONG LONG LONG LONG LONG LONG LONG LONG LONG LONG

const request_case
    memory_writes
        [] =
            {
                {"PutItem",
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"c\"},\"s\":{\"N\":\"7\"},\"a\":{\"S\":\"z\"},"
                 "\"v\":{\"L\":[{\"N\":\"9\"},{\"N\":\"9\"}]},\"t\":{\"S\":\"" LONG "\"}},"
                 "\"ConditionExpression\":\"attribute_not_exists(p) OR size(t) > :n\","
                 "\"ExpressionAttributeValues\":{\":n\":{\"N\":\"3\"}},\"ReturnConsumedCapacity\":\"INDEXES\","
                 "\"ReturnItemCollectionMetrics\":\"SIZE\"}"},
                {"PutItem",
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"},\"a\":{\"S\":\"w\"},"
                 "\"t\":{\"S\":\"" LONGER LONGER LONGER LONGER LONGER LONGER
                 "\"}},\"ReturnValues\":\"ALL_OLD\"}"},
                {"UpdateItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                 "\"UpdateExpression\":\"SET #x.k[4] = list_append(x.k, :l), n = if_not_exists(q, n) + :i,"
                 " a = :a ADD h :s REMOVE v\",\"ConditionExpression\":\"n BETWEEN :i AND :j AND NOT contains(x.k, :a)\","
                 "\"ExpressionAttributeNames\":{\"#x\":\"x\"},\"ExpressionAttributeValues\":{\":l\":{"
                 "\"L\":[{\"S\":\"" LONG
                 "\"}]},\":i\":{\"N\":\"1\"},\":j\":{\"N\":\"9\"},\":a\":{\"S\":\"yy\"},"
                 "\":s\":{\"NS\":[\"3\",\"1\"]}},\"ReturnValues\":\"ALL_NEW\"}"},
                {"UpdateItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"}},\"AttributeUpdates\":{"
                 "\"n\":{\"Action\":\"ADD\",\"Value\":{\"N\":\"2\"}},\"t\":{\"Action\":\"DELETE\"}},"
                 "\"Expected\":{\"n\":{\"Exists\":false},\"t\":{\"ComparisonOperator\":\"BEGINS_WITH\","
                 "\"AttributeValueList\":[{\"S\":\"012\"}]}},\"ReturnValues\":\"UPDATED_OLD\"}"},
                {"DeleteItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"}},"
                 "\"ConditionExpression\":\"a IN (:a, :b)\",\"ExpressionAttributeValues\":{\":a\":{\"S\":\"x\"},\":b\":{\"S\":\"y\"}},"
                 "\"ReturnValues\":\"ALL_OLD\"}"},
                {"DeleteItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                 "\"ConditionExpression\":\"attribute_not_exists(p)\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}"},
                {"BatchWriteItem",
                 "{\"RequestItems\":{\"tab\":[{\"PutRequest\":{\"Item\":{\"p\":{\"S\":\"d\"},\"s\":{\"N\":\"1\"},"
                 "\"a\":{\"S\":\"q\"}}}},{\"DeleteRequest\":{\"Key\":{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"}}}}"
                 "]},\"ReturnConsumedCapacity\":\"INDEXES\",\"ReturnItemCollectionMetrics\":\"SIZE\"}"},
                {"TransactWriteItems",
                 "{\"ClientRequestToken\":\"token\",\"TransactItems\":[{\"Put\":{\"TableName\":\"tab\",\"Item\":{\"p\":{"
                 "\"S\":\"e\"},\"s\":{\"N\":\"1\"},\"a\":{\"S\":\"x\"}}}},{\"Update\":{\"TableName\":\"tab\",\"Key\":{\"p\":{"
                 "\"S\":\"a\"},\"s\":{\"N\":\"1\"}},\"UpdateExpression\":\"ADD n :i\",\"ExpressionAttributeValues\":{\":i\":{"
                 "\"N\":\"1\"}}}},{\"Delete\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"}}}},"
                 "{\"ConditionCheck\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"}},"
                 "\"ConditionExpression\":\"attribute_exists(t)\"}}],\"ReturnConsumedCapacity\":\"INDEXES\"}"},
                {"TransactWriteItems",
                 "{\"TransactItems\":[{\"Put\":{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                 "\"ConditionExpression\":\"attribute_not_exists(p)\",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}},"
                 "{\"Delete\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"}}}}]}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"INSERT INTO tab VALUE {'p':'f','s':1,'a':?,'l':[1,{'k':<<'v'>>}]}\","
                 "\"Parameters\":[{\"S\":\"x\"}]}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"UPDATE tab SET n=n+1 SET x.k[0]=set_add(x.k[0],<<'r'>>) REMOVE v WHERE "
                 "p='a' AND s=1 RETURNING ALL NEW *\"}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"DELETE FROM tab WHERE p='a' AND s=2 AND a='y' RETURNING ALL OLD *\"}"},
                {"BatchExecuteStatement",
                 "{\"Statements\":[{\"Statement\":\"INSERT INTO tab VALUE {'p':'g','s':1}\"},"
                 "{\"Statement\":\"DELETE FROM tab WHERE p='b' AND s=1\"}]}",
                 "{\"Statements\":[{\"Statement\":\"INSERT INTO tab VALUE {'p':'g','s':1}\"}]}"},
                {"ExecuteTransaction",
                 "{\"TransactStatements\":[{\"Statement\":\"INSERT INTO tab VALUE {'p':'g','s':1}\"},"
                 "{\"Statement\":\"UPDATE tab SET n=? WHERE p='b' AND s=1\",\"Parameters\":[{\"N\":\"3\"}]}"
                 "],\"ClientRequestToken\":\"other\"}"},
                {"BatchWriteItem",
                 "{\"RequestItems\":{\"tab\":[{\"PutRequest\":{\"Item\":{\"p\":{\"S\":\"h\"},\"s\":{"
                 "\"N\":\"1\"}}}},{\"DeleteRequest\":{\"Key\":{\"p\":{\"S\":\"h\"},\"s\":{\"N\":\"2\"}}}"
                 "}],\"two\":[{\"PutRequest\":{\"Item\":{\"k\":{\"B\":\"BA==\"},\"d\":{\"M\":{\"e\":{"
                 "\"L\":[{\"BOOL\":false}]}}}}}},{\"DeleteRequest\":{\"Key\":{\"k\":{\"B\":\"Ag==\"}}}"
                 "},{\"PutRequest\":{\"Item\":{\"k\":{\"B\":\"BQ==\"}}}}]},"
                 "\"ReturnItemCollectionMetrics\":\"SIZE\",\"ReturnConsumedCapacity\":\"TOTAL\"}",
                 .left = 0.25},
                {"UpdateItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"}},"
                 "\"UpdateExpression\":\"ADD v2 :l DELETE gone :g SET w = list_append(if_not_exists(v, :e), :e),"
                 " m = :m - :one\",\"ExpressionAttributeValues\":{\":l\":{\"SS\":[\"a\",\"b\"]},"
                 "\":g\":{\"NS\":[\"1\"]},\":e\":{\"L\":[{\"S\":\"e\"}]},\":m\":{\"N\":\"5\"},\":one\":{"
                 "\"N\":\"1.25\"}},\"ReturnValues\":\"UPDATED_NEW\","
                 "\"ReturnItemCollectionMetrics\":\"SIZE\"}"},
                {"UpdateItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                 "\"AttributeUpdates\":{\"v\":{\"Action\":\"ADD\",\"Value\":{\"L\":[{\"N\":\"3\"}]}},\"x\":{"
                 "\"Action\":\"DELETE\"},\"ss\":{\"Action\":\"ADD\",\"Value\":{\"SS\":[\"z\"]}},\"n\":{"
                 "\"Value\":{\"S\":\"put\"}}},\"ReturnValues\":\"ALL_OLD\"}"},
                {"TransactWriteItems",
                 "{\"TransactItems\":[{\"Put\":{\"TableName\":\"two\",\"Item\":{\"k\":{\"B\":\"AA==\"}"
                 "},\"ConditionExpression\":\"attribute_not_exists(k)\"}},{\"Update\":{"
                 "\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"n\"},\"s\":{\"N\":\"1\"}},"
                 "\"UpdateExpression\":\"SET q = :q REMOVE r\",\"ExpressionAttributeValues\":{\":q\":{\"NS\":[\"1\",\"2\"]}}}}],"
                 "\"ReturnItemCollectionMetrics\":\"SIZE\",\"ReturnConsumedCapacity\":\"INDEXES\"}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"INSERT INTO tab VALUE {'p':'h','s':2,'m':{'a':{'b':[1,-2.5e1,true,null]},'bag':<<1,2>>},'l':['x''y',{'z':<<'q'>>}],'b':?}\",\"Parameters\":[{\"B\":\"AAEC\"}],\"ReturnConsumedCapacity\":\"INDEXES\"}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"UPDATE tab SET x.k[3]=list_append(x.k,[1,{'a':2}]) SET h=if_not_exists(h,7-n) REMOVE x.q WHERE p='a' AND s=1 AND (size(z)>3 OR attribute_exists(n)) RETURNING MODIFIED NEW *\"}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"UPDATE tab SET x.k[0]=set_delete(x.k[0],<<'p'>>) WHERE p='a' AND s=1 RETURNING MODIFIED OLD *\",\"ReturnConsumedCapacity\":\"TOTAL\"}"},
                {"ExecuteStatement",
                 "{\"Statement\":\"DELETE FROM tab WHERE p='b' AND s=1 AND NOT (a IS NOT MISSING) AND t BETWEEN '0' AND '1' AND contains(t,?)\",\"Parameters\":[{\"S\":\"1\"}]}"},
                {"ExecuteTransaction",
                 "{\"TransactStatements\":[{\"Statement\":\"EXISTS(SELECT * FROM tab WHERE p='a' AND s=1 AND n=5)\"},{\"Statement\":\"DELETE FROM tab WHERE p='b' AND s=1 AND t>'0'\"},{\"Statement\":\"UPDATE two SET q=1 WHERE k=?\",\"Parameters\":[{\"B\":\"Ag==\"}]}],\"ReturnConsumedCapacity\":\"INDEXES\"}"},
                {"UpdateItem",
                 "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},\"UpdateExpression\":\"SET x.#y = :map, v[7] = :n, x.k[1] = if_not_exists(x.k[9], x.k[2]) REMOVE x.k[3], z DELETE x.ss :s\",\"ExpressionAttributeNames\":{\"#y\":\"y\"},\"ExpressionAttributeValues\":{\":map\":{\"M\":{\"q\":{\"L\":[{\"N\":\"1\"}]}}},\":n\":{\"N\":\"-0.001\"},\":s\":{\"SS\":[\"a\"]}},\"ReturnValues\":\"UPDATED_NEW\",\"ReturnConsumedCapacity\":\"INDEXES\"}"},
                {"UpdateItem", "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"}},\"AttributeUpdates\":{\"z\":{\"Action\":\"PUT\",\"Value\":{\"S\":\"short\"}}},\"ConditionalOperator\":\"OR\",\"Expected\":{\"a\":{\"ComparisonOperator\":\"IN\",\"AttributeValueList\":[{\"S\":\"q\"},{\"S\":\"y\"}]},\"z\":{\"ComparisonOperator\":\"CONTAINS\",\"AttributeValueList\":[{\"S\":\"9\"}]},\"v\":{\"ComparisonOperator\":\"NOT_NULL\"},\"n\":{\"ComparisonOperator\":\"BETWEEN\",\"AttributeValueList\":[{\"N\":\"1\"},{\"N\":\"2\"}]}},\"ReturnValues\":\"UPDATED_NEW\"}"},
                {"TransactWriteItems",
                 "{\"TransactItems\":[{\"Update\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},\"UpdateExpression\":\"SET #n = #n + :i\",\"ConditionExpression\":\"#n = :five OR size(z) > :i\",\"ExpressionAttributeNames\":{\"#n\":\"n\"},\"ExpressionAttributeValues\":{\":i\":{\"N\":\"1\"},\":five\":{\"N\":\"5\"}}}},{\"Put\":{\"TableName\":\"two\",\"Item\":{\"k\":{\"B\":\"CQ==\"},\"z\":{\"L\":[{\"SS\":[\"a\"]}]}}}},{\"Delete\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"}}}}],\"ReturnItemCollectionMetrics\":\"SIZE\",\"ReturnConsumedCapacity\":\"TOTAL\"}"},
                {"PutItem",
                 "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"},\"v\":{\"L\":[{\"N\":\"3\"},{\"N\":\"4\"}]},\"a\":{\"S\":\"n\"}},\"Expected\":{\"p\":{\"Exists\":true,\"Value\":{\"S\":\"b\"}}},\"ReturnConsumedCapacity\":\"INDEXES\",\"ReturnValues\":\"ALL_OLD\"}"},
};

const request_case memory_reads[] = {
    {"GetItem",
     "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
     "\"ProjectionExpression\":\"x.k[1], n, #a\",\"ExpressionAttributeNames\":{\"#a\":\"a\"},\"ReturnConsumedCapacity\":\"TOTAL\"}"},
    {"GetItem",
     "{\"TableName\":\"arn:aws:dynamodb:us-east-1:000000000000:table/tab\",\"Key\":{\"p\":{\"S\":\"b\"},"
     "\"s\":{\"N\":\"1\"}},\"AttributesToGet\":[\"t\"]}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = :p AND s BETWEEN :a AND :b\","
              "\"FilterExpression\":\"attribute_type(a, :t) AND (begins_with(a, :x) OR size(v) = :b)\","
              "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"},\":a\":{\"N\":\"1\"},\":b\":{\"N\":\"2\"},"
              "\":t\":{\"S\":\"S\"},\":x\":{\"S\":\"x\"}},\"ScanIndexForward\":false,\"Limit\":1}"},
    {"Query",
     "{\"TableName\":\"tab\",\"IndexName\":\"gsi\",\"KeyConditions\":{\"a\":{\"ComparisonOperator\":\"EQ\","
     "\"AttributeValueList\":[{\"S\":\"x\"}]}},\"QueryFilter\":{\"n\":{\"ComparisonOperator\":\"NULL\"}},"
     "\"ReturnConsumedCapacity\":\"INDEXES\"}"},
    {"Query", "{\"TableName\":\"tab\",\"IndexName\":\"lsi\",\"KeyConditionExpression\":\"p = :p AND a > :a\","
              "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"},\":a\":{\"S\":\"a\"}},"
              "\"ExclusiveStartKey\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"},\"a\":{\"S\":\"x\"}}}"},
    {"Scan",
     "{\"TableName\":\"tab\",\"ScanFilter\":{\"t\":{\"ComparisonOperator\":\"NOT_NULL\"}},\"Segment\":1,"
     "\"TotalSegments\":2}"},
    {"BatchGetItem", "{\"RequestItems\":{\"tab\":{\"Keys\":[{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                     "{\"p\":{\"S\":\"z\"},\"s\":{\"N\":\"1\"}}],\"ProjectionExpression\":\"x, n\"}},"
                     "\"ReturnConsumedCapacity\":\"TOTAL\"}"},
    {"TransactGetItems",
     "{\"TransactItems\":[{\"Get\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},"
     "\"s\":{\"N\":\"1\"}},\"ProjectionExpression\":\"s\"}}],\"ReturnConsumedCapacity\":\"TOTAL\"}"},
    {"ExecuteStatement", "{\"Statement\":\"SELECT p, x.k[0] FROM tab.gsi WHERE a IN ['x','y'] AND s > 0\"}"},
    {"ExecuteStatement",
     "{\"Statement\":\"SELECT * FROM tab WHERE contains(t, '012') OR n = 5\",\"Limit\":1}"},
    {"BatchExecuteStatement", "{\"Statements\":[{\"Statement\":\"SELECT * FROM tab WHERE p='a' AND s=1\"},"
                              "{\"Statement\":\"SELECT * FROM none WHERE p='a' AND s=1\"}]}"},
    {"SearchVectors",
     "{\"TableName\":\"tab\",\"IndexName\":\"vix\",\"SearchVector\":[{\"N\":\"1\"},{\"N\":\"-0.5\"}],"
     "\"TopK\":3,\"SearchConditionExpression\":\"p = :p\",\"ExpressionAttributeValues\":{"
     "\":p\":{\"S\":\"a\"}},\"ReturnConsumedCapacity\":\"INDEXES\"}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = q\"}"},
    {"PutItem", "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"N\":\"1\"}}}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditionExpression\":\":p = p AND begins_with(#s,"
              " :b)\",\"ExpressionAttributeNames\":{\"#s\":\"s\"},\"ExpressionAttributeValues\":{\":p\":{"
              "\"S\":\"a\"},\":b\":{\"S\":\"1\"}}}"},
    {"Query", "{\"TableName\":\"tab\",\"IndexName\":\"lsi\",\"KeyConditionExpression\":\"p = :p AND"
              " begins_with(a, :b)\",\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"},\":b\":{"
              "\"S\":\"x\"}},\"Select\":\"COUNT\",\"ReturnConsumedCapacity\":\"INDEXES\"}"},
    {"Query", "{\"TableName\":\"tab\",\"IndexName\":\"gsi\",\"KeyConditionExpression\":\"a = :a AND"
              " s <= :s\",\"ExpressionAttributeValues\":{\":a\":{\"S\":\"x\"},\":s\":{\"N\":\"3\"}}"
              ",\"Limit\":1,\"ProjectionExpression\":\"x.k[0], x.k[2], s\","
              "\"ReturnConsumedCapacity\":\"TOTAL\"}"},
    {"Query", "{\"TableName\":\"tab\",\"IndexName\":\"gsi\",\"KeyConditionExpression\":\"a = :a\","
              "\"ExpressionAttributeValues\":{\":a\":{\"S\":\"x\"}},\"Select\":\"ALL_ATTRIBUTES\"}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditions\":{\"p\":{\"ComparisonOperator\":\"EQ\","
              "\"AttributeValueList\":[{\"S\":\"a\"}]},\"s\":{\"ComparisonOperator\":\"BETWEEN\","
              "\"AttributeValueList\":[{\"N\":\"1\"},{\"N\":\"2\"}]}},\"AttributesToGet\":[\"a\",\"n\"],"
              "\"Limit\":1}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = :p AND size(s) > :p\","
              "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"}}}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"p = :p AND a = :p\","
              "\"ExpressionAttributeValues\":{\":p\":{\"S\":\"a\"}}}"},
    {"Query", "{\"TableName\":\"tab\",\"KeyConditionExpression\":\"s = :s\","
              "\"ExpressionAttributeValues\":{\":s\":{\"N\":\"1\"}}}"},
    {"Scan",
     "{\"TableName\":\"tab\",\"FilterExpression\":\"NOT (a <> :a OR n IN (:n,"
     " :m)) AND attribute_exists(x.k[1])\",\"ExpressionAttributeValues\":{\":a\":{\"S\":\"x\"},\":n\":{"
     "\"N\":\"1\"},\":m\":{\"NULL\":true}},\"Select\":\"COUNT\",\"Limit\":2}"},
    {"Scan", "{\"TableName\":\"two\",\"ConsistentRead\":true,\"ExclusiveStartKey\":{\"k\":{"
             "\"B\":\"Ag==\"}},\"ReturnConsumedCapacity\":\"INDEXES\"}"},
    {"Scan",
     "{\"TableName\":\"tab\",\"ScanFilter\":{\"n\":{\"ComparisonOperator\":\"IN\","
     "\"AttributeValueList\":[{\"N\":\"5\"},{\"S\":\"b\"}]},\"a\":{"
     "\"ComparisonOperator\":\"NOT_CONTAINS\",\"AttributeValueList\":[{\"S\":\"q\"}]}},\"ConditionalOperator\":\"OR\"}"},
    {"BatchGetItem",
     "{\"RequestItems\":{\"two\":{\"Keys\":[{\"k\":{\"B\":\"AAE=\"}}],"
     "\"AttributesToGet\":[\"n\"]},\"tab\":{\"Keys\":[{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},{\"p\":{"
     "\"S\":\"a\"},\"s\":{\"N\":\"2\"}}],\"ProjectionExpression\":\"#x, n\","
     "\"ExpressionAttributeNames\":{\"#x\":\"x\"},\"ConsistentRead\":true}},"
     "\"ReturnConsumedCapacity\":\"INDEXES\"}"},
    {"TransactGetItems",
     "{\"TransactItems\":[{\"Get\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},"
     "\"s\":{\"N\":\"1\"}}}},{\"Get\":{\"TableName\":\"two\",\"Key\":{\"k\":{\"B\":\"Ag==\"}}"
     "}},{\"Get\":{\"TableName\":\"none\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}"
     "}}}]}"},
    {"ExecuteTransaction",
     "{\"TransactStatements\":[{\"Statement\":\"SELECT * FROM tab WHERE p='a' AND s=1\"},{"
     "\"Statement\":\"SELECT * FROM two WHERE k=?\",\"Parameters\":[{\"B\":\"Ag==\"}]}],"
     "\"ReturnConsumedCapacity\":\"TOTAL\"}"},
    {"ExecuteStatement",
     "{\"Statement\":\"SELECT a, v[0], x.k FROM \\\"tab\\\" WHERE p IN ['a','b'] AND s BET"
     "WEEN 0 AND 5 ORDER BY p DESC, s DESC\",\"Limit\":2,"
     "\"ReturnConsumedCapacity\":\"INDEXES\"}"},
    {"ExecuteStatement",
     "{\"Statement\":\"SELECT * FROM tab WHERE attribute_type(a,'S') AND NOT begins_with(a"
     ",'q') AND x IS NOT MISSING AND size(t) < -1\"}"},
    {"ExecuteStatement", "{\"Statement\":\"SELECT count(*) FROM tab\"}"},
    {"ExecuteStatement", "{\"Statement\":\"SELECT * FROM tab WHERE p = 'a\"}"},
    {"ExecuteStatement", "{\"Statement\":\"SELECT * FROM tab.none WHERE p = <<1>>\"}"},
    {"ExecuteStatement", "{\"Statement\":\"SELECT * FROM tab WHERE x.k[99999999999] = 1\"}"},
    {"SearchVectors", "{\"TableName\":\"tab\",\"IndexName\":\"vix\",\"SearchVector\":[{\"N\":\"1\"}]}"},
    {"GetItem", "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                "\"ProjectionExpression\":\"a, a\"}"},
    {"GetItem", "{\"TableName\":\"ab\",\"Key\":{\"p\":{\"S\":\"a\"}},"
                "\"ReturnConsumedCapacity\":\"SOME\"}"},
    {"PutItem", "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                "\"Expected\":{\"n\":{\"Value\":{\"N\":\"5\"},\"Exists\":false}}}"},
    {"PutItem",
     "{\"TableName\":\"tab\",\"Item\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
     "\"ConditionExpression\":\"#a = :b\",\"ExpressionAttributeNames\":{\"#a\":\"a\",\"#b\":\"b\"},"
     "\"ExpressionAttributeValues\":{\":b\":{\"L\":[{\"M\":{\"z\":{\"BS\":[\"AA==\","
     "\"AQ==\"]}}}]},\":c\":{\"N\":\"1\"}}}"},
    {"UpdateItem", "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
                   "\"UpdateExpression\":\"SET a = :a, a.b = :a\",\"ExpressionAttributeValues\":{\":a\":{"
                   "\"N\":\"1E130\"}}}"},
    {"UpdateItem",
     "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},"
     "\"UpdateExpression\":\"SET q.r = :a\",\"ExpressionAttributeValues\":{\":a\":{\"N\":\"1\"}}}"},
    /* throttled: less than nothing left, or something for the first of many */
    {"GetItem", "{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}}}", .left = -1},
    {"Query",
     "{\"TableName\":\"tab\",\"IndexName\":\"gsi\",\"KeyConditionExpression\":\"a = :a\","
     "\"ExpressionAttributeValues\":{\":a\":{\"S\":\"x\"}}}",
     .left = -1},
    {"PutItem", "{\"TableName\":\"two\",\"Item\":{\"k\":{\"B\":\"AAE=\"}}}", .left = -1},
    {"BatchGetItem",
     "{\"RequestItems\":{\"tab\":{\"Keys\":[{\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"1\"}},{"
     "\"p\":{\"S\":\"a\"},\"s\":{\"N\":\"2\"}},{\"p\":{\"S\":\"b\"},\"s\":{\"N\":\"1\"}}],"
     "\"ProjectionExpression\":\"#x, n\",\"ExpressionAttributeNames\":{\"#x\":\"x\"},"
     "\"ConsistentRead\":true},\"two\":{\"Keys\":[{\"k\":{\"B\":\"AAE=\"}},{\"k\":{\"B\":\"Ag==\"}"
     "},{\"k\":{\"B\":\"Aw==\"}}],\"AttributesToGet\":[\"n\",\"k\"]}}}",
     .left = 0.25},
    {"TransactGetItems",
     "{\"TransactItems\":[{\"Get\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},"
     "\"s\":{\"N\":\"1\"}}}},{\"Get\":{\"TableName\":\"two\",\"Key\":{\"k\":{\"B\":\"Ag==\"}}"
     "}}]}",
     .left = -1},
    {"TransactWriteItems",
     "{\"TransactItems\":[{\"Put\":{\"TableName\":\"two\",\"Item\":{\"k\":{\"B\":\"AA==\"}"
     "}}},{\"Delete\":{\"TableName\":\"tab\",\"Key\":{\"p\":{\"S\":\"a\"},\"s\":{"
     "\"N\":\"1\"}}}}]}",
     .left = -1},
    {"ExecuteStatement", "{\"Statement\":\"SELECT * FROM tab WHERE p='a'\"}", .left = -1},
    {"BatchExecuteStatement",
     "{\"Statements\":[{\"Statement\":\"SELECT * FROM tab WHERE p='a' AND s=1\"},{"
     "\"Statement\":\"INSERT INTO two VALUE {'k':1}\"}],\"ReturnConsumedCapacity\":\"TOTAL\"}",
     .left = -1},
};
const size_t memory_write_count = sizeof memory_writes / sizeof *memory_writes;
const size_t memory_read_count = sizeof memory_reads / sizeof *memory_reads;
